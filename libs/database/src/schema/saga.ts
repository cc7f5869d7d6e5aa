import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  json,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

/**
 * The saga log, in a page.
 *
 *   sagas     one row a saga: what was asked, how far each step is, how it ended.
 *   lanes     one row a key in use: which saga holds it. Gone when nobody does.
 *   outbox    one row a job, or a part of one, that is owed to the queue: commands for one participant. A row without a
 *             job is added to the queue again; a job without rows does nothing.
 *   requests  one row an Idempotency-Key: which batch of sagas it made, and a digest of the body.
 *   leases    who does a job that only one process may do (recovery), and until when.
 *   incarnation  one row, made with the database: a Redis that does not hold it has lost its jobs.
 *   pauses    one row a participant whose queue an operator has paused: Redis only mirrors it.
 *   watermarks  how far the fences had come when: says which tokens are older than some days.
 *
 * Locks are taken in this order everywhere: outbox (by id), lanes (by key), sagas. Whoever changes an
 * active saga holds the row lock of its lane, so saga rows need no lock of their own.
 *
 * JSON is kept as the text that came (json, not jsonb): it is read as a whole, and copying, comparing and hashing it are most of
 * what a transition costs.
 *
 * `fences` numbers the tokens. It starts at the time in microseconds, so that a log made anew is
 * ahead of what nodes have seen from the old one.
 */
export const saga = pgSchema('saga');

/** Keys compare byte by byte: one order of locks on every machine, whatever its locale. */
const key = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

export const fences = saga.sequence('fences');

export const sagas = saga.table(
  'sagas',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity(),
    batchId: uuid('batch_id'),
    /** Trace context of the request that it came with; null: nobody traces it. */
    traceparent: text('traceparent'),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    key: key('key').notNull(),
    input: json('input').notNull(),
    status: text('status').notNull(),
    stuck: boolean('stuck').notNull().default(false),
    fence: bigint('fence', { mode: 'number' }),
    steps: json('steps').notNull(),
    error: text('error'),
    cancelled: boolean('cancelled').notNull().default(false),
    /** What operators did to it, oldest first. */
    history: json('history').notNull().default([]),
    acceptedAt: at('accepted_at').notNull(),
    deadlineAt: at('deadline_at'),
    startedAt: at('started_at'),
    endedAt: at('ended_at'),
  },
  (table) => [
    index('sagas_by_key').on(table.key, table.id),
    index('sagas_by_batch')
      .on(table.batchId)
      .where(sql`batch_id is not null`),
    index('sagas_waiting')
      .on(table.key, table.id)
      .where(sql`status = 'queued'`),
    index('sagas_not_completed')
      .on(table.status, table.id)
      .where(sql`status <> 'completed'`),
  ],
);

export const lanes = saga.table('lanes', {
  key: key('key').primaryKey(),
  holder: bigint('holder', { mode: 'number' }),
});

export const outbox = saga.table(
  'outbox',
  {
    id: uuid('id').primaryKey(),
    participant: text('participant').notNull(),
    kind: text('kind').notNull(),
    step: text('step').notNull(),
    phase: text('phase').notNull(),
    attempt: integer('attempt').notNull(),
    /** A command each: [saga, key, fence, data]. */
    items: json('items').notNull(),
    dueAt: at('due_at').notNull(),
    /** The job that it shares with its siblings; null: it has one of its own, under its own id. */
    job: uuid('job'),
  },
  (table) => [index('outbox_by_due').on(table.dueAt, table.id)],
);

export const requests = saga.table('requests', {
  key: key('key').primaryKey(),
  digest: text('digest').notNull(),
  batchId: uuid('batch_id').notNull(),
  acceptedAt: at('accepted_at').notNull(),
});

export const leases = saga.table('leases', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  until: at('until').notNull(),
});

export const pauses = saga.table('pauses', {
  participant: text('participant').primaryKey(),
  by: text('by').notNull(),
  note: text('note'),
  pausedAt: at('paused_at').notNull(),
});

export const watermarks = saga.table('watermarks', {
  takenAt: at('taken_at').primaryKey(),
  /** The newest fence drawn by then. */
  fence: bigint('fence', { mode: 'number' }).notNull(),
});

export const incarnation = saga.table(
  'incarnation',
  {
    id: uuid('id').notNull().defaultRandom(),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.id] })],
);
