import { and, eq, isNull, not, or, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { GroupTable } from '../nodes.ts';

/**
 * One node's records as the plain protocol sees them. Each verb is one statement, prepared once. Every
 * write raises the version, and none touches the token columns: an undo must see that somebody was here.
 */
export function createRecords(db: PostgresJsDatabase, table: GroupTable) {
  const groupId = sql.placeholder('groupId');
  const timestamp = sql.placeholder('timestamp');
  const found = { groupId: table.groupId };

  const read = db
    .select(found)
    .from(table)
    .where(and(eq(table.groupId, groupId), table.present))
    .prepare('read_group');

  const create = db
    .insert(table)
    .values({ groupId, present: true, timestamp, version: 1 })
    .onConflictDoUpdate({
      target: table.groupId,
      set: {
        present: true,
        timestamp: sql`excluded.timestamp`,
        version: sql`${table.version} + 1`,
      },
      setWhere: not(table.present),
    })
    .returning(found)
    .prepare('create_group');

  const remove = db
    .update(table)
    .set({ present: false, timestamp: null, version: sql`${table.version} + 1` })
    .where(
      and(
        eq(table.groupId, groupId),
        table.present,
        or(isNull(sql`${timestamp}::float8`), eq(table.timestamp, timestamp)),
      ),
    )
    .returning(found)
    .prepare('remove_group');

  return {
    /** Whether the group is there. */
    async exists(id: string): Promise<boolean> {
      return (await read.execute({ groupId: id })).length > 0;
    },
    /** Creates it; false where it was there, which changes nothing. */
    async create(id: string, ownedSince: number | null): Promise<boolean> {
      return (await create.execute({ groupId: id, timestamp: ownedSince })).length > 0;
    },
    /** Removes it, a timestamp given only where it is the stored one; false where there is no such record. */
    async remove(id: string, ownedSince: number | null): Promise<boolean> {
      return (await remove.execute({ groupId: id, timestamp: ownedSince })).length > 0;
    },
  };
}
