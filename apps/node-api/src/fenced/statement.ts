import { sql } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { FloorTable, GroupTable } from '../nodes.ts';

/**
 * The fence table of the fenced protocol, as one statement for a whole batch.
 *
 * Needs: five arrays of one length, an operation an index: ids text[] (no id twice: SQLSTATE 21000), ops text[],
 * timestamps float8[], fences int8[], phases int2[].
 * Does: for each row decides an effect, then writes each column by it. An older or an equal token keeps every value.
 * Answers: a row an id, with the token and the outcome that stand under it *after* the statement. A token equal to the
 * caller's: its outcome, made now or repeated. Any other is newer: the caller's is stale. No row: the token is not
 * above the node's floor, and is stale whatever the record says, for the record may have left (prune/pruner.ts).
 * Called by: `createOperationStore`.
 * On conflict: always DO UPDATE, never DO NOTHING and a read beside it. Only the row that the update has locked is
 * certain to be the newest version; the statement's own snapshot is older and repeated wrong outcomes under load.
 * Rows are taken in the order of their ids, in every batch, so that batches never wait for each other in a circle.
 */
export function buildFencedStatement(table: GroupTable, floor: FloorTable): string {
  const effect = sql`CASE
      WHEN (excluded.fence, excluded.phase) <= (held.fence, held.phase) THEN 'keep'
      WHEN excluded.op = 'create' THEN CASE WHEN held.present THEN 'existed' ELSE 'created' END
      WHEN excluded.op = 'delete' THEN CASE WHEN held.present THEN 'deleted' ELSE 'absent' END
      WHEN held.fence IS DISTINCT FROM excluded.fence OR held.outcome NOT IN ('created', 'deleted') THEN 'nothing'
      WHEN held.version = held.action_version THEN 'restored'
      ELSE 'changed'
    END`;

  const statement = sql`
INSERT INTO ${table} AS held (group_id, present, timestamp, version, fence, phase, op, outcome,
  before_present, before_timestamp, action_version)
SELECT id, op = 'create', CASE WHEN op = 'create' THEN seconds END, (op = 'create')::int, fence, phase, op,
  CASE op WHEN 'create' THEN 'created' WHEN 'delete' THEN 'absent' ELSE 'nothing' END,
  CASE WHEN op <> 'undo' THEN false END, NULL, CASE WHEN op <> 'undo' THEN (op = 'create')::int END
FROM unnest(${sql.placeholder('ids')}::text[], ${sql.placeholder('ops')}::text[],
  ${sql.placeholder('timestamps')}::float8[], ${sql.placeholder('fences')}::int8[],
  ${sql.placeholder('phases')}::int2[]) AS incoming (id, op, seconds, fence, phase)
WHERE fence > (SELECT ${floor}.fence FROM ${floor})
ORDER BY id COLLATE "C"
ON CONFLICT (group_id) DO UPDATE SET (present, timestamp, version, fence, phase, op, outcome,
  before_present, before_timestamp, action_version) = (
  SELECT
    CASE effect WHEN 'created' THEN true WHEN 'deleted' THEN false
      WHEN 'restored' THEN held.before_present ELSE held.present END,
    CASE effect WHEN 'created' THEN excluded.timestamp WHEN 'deleted' THEN NULL
      WHEN 'restored' THEN held.before_timestamp ELSE held.timestamp END,
    held.version + changes,
    CASE effect WHEN 'keep' THEN held.fence ELSE excluded.fence END,
    CASE effect WHEN 'keep' THEN held.phase ELSE excluded.phase END,
    CASE effect WHEN 'keep' THEN held.op ELSE excluded.op END,
    CASE effect WHEN 'keep' THEN held.outcome ELSE effect END,
    CASE WHEN effect = 'keep' THEN held.before_present WHEN excluded.op <> 'undo' THEN held.present END,
    CASE WHEN effect = 'keep' THEN held.before_timestamp WHEN excluded.op <> 'undo' THEN held.timestamp END,
    CASE WHEN effect = 'keep' THEN held.action_version WHEN excluded.op <> 'undo' THEN held.version + changes END
  FROM (SELECT effect, (effect IN ('created', 'deleted', 'restored'))::int AS changes
        FROM (SELECT ${effect} AS effect) AS decided) AS decision)
RETURNING group_id, fence, phase, outcome`;
  return new PgDialect().sqlToQuery(statement).sql;
}
