import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  pgSchema,
  type PgSchema,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';

/** Ids compare byte by byte: the same order on every machine, whatever its locale. */
const id = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

export const node01 = pgSchema('node01');
export const node02 = pgSchema('node02');
export const node03 = pgSchema('node03');

/** A node's groups: one row an id, present or a tombstone. */
const groupsOf = <Name extends string>(schema: PgSchema<Name>) =>
  schema.table('groups', {
    groupId: id('group_id').primaryKey(),
    /** false: a tombstone, which keeps the token and the version. */
    present: boolean('present').notNull(),
    /** Who owns the record: seconds, null where its creator gave none. */
    timestamp: doublePrecision('timestamp'),
    /** Raised by every write that changes the record, plain ones included. */
    version: bigint('version', { mode: 'number' }).notNull(),
    /** The newest token seen: (fence, phase); null where only plain clients came. */
    fence: bigint('fence', { mode: 'number' }),
    phase: smallint('phase'),
    /** The operation under that token and what came of it. */
    op: text('op'),
    outcome: text('outcome'),
    /** The before-image of the action under that token, and the version it left. */
    beforePresent: boolean('before_present'),
    beforeTimestamp: doublePrecision('before_timestamp'),
    actionVersion: bigint('action_version', { mode: 'number' }),
  });

export const node01Groups = groupsOf(node01);
export const node02Groups = groupsOf(node02);
export const node03Groups = groupsOf(node03);

/**
 * A node's floor, one row: every token up to `fence` is stale, whether its record is still there or not. So rows that
 * hold nothing but such a token may leave. They leave only once no statement runs that began before the floor was
 * raised: such a one does not see it.
 */
const floorOf = <Name extends string>(schema: PgSchema<Name>) =>
  schema.table('floor', {
    /** Always true: there is one row. */
    isOnly: boolean('is_only').primaryKey().default(true),
    fence: bigint('fence', { mode: 'number' }).notNull().default(0),
    raisedAt: timestamp('raised_at', { withTimezone: true, mode: 'date', precision: 3 })
      .notNull()
      .defaultNow(),
  });

export const node01Floor = floorOf(node01);
export const node02Floor = floorOf(node02);
export const node03Floor = floorOf(node03);
