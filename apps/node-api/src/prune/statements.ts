import { sql, type SQL } from 'drizzle-orm';
import type { FloorTable, GroupTable } from '../nodes.ts';

/** Raises the floor to $1. It never goes down. Where it stays, the row is not written: its xmin tells when it was raised. */
export const buildRaise = (floor: FloorTable): SQL => sql`
INSERT INTO ${floor} AS held (fence, raised_at) VALUES ($1::int8, clock_timestamp())
ON CONFLICT (is_only) DO UPDATE SET fence = excluded.fence, raised_at = excluded.raised_at
WHERE held.fence < excluded.fence`;

/**
 * Answers the floor, and whether every statement that runs knows it. One that began before the floor was raised has a
 * snapshot with the old one, however long it has waited for a lock since: it takes a late token for good, and if the
 * record has left meanwhile, it makes it anew. Such a snapshot's xmin is not above the transaction that raised the floor;
 * statements that begin from now on are never among them.
 * All processes of the node share one role: of another's statements Postgres would not show the xmin.
 */
export const buildClearance = (floor: FloorTable): SQL => sql`
SELECT held.fence, NOT EXISTS (
    SELECT FROM pg_stat_activity AS other
    WHERE other.datname = current_database() AND other.pid <> pg_backend_pid()
      AND age(other.backend_xmin) >= age(held.xmin)
  ) AS "isKnown"
FROM ${floor} AS held`;

/**
 * Removes what records keep only for tokens up to the floor $1, on one page of $2 records: tombstones leave, those that are
 * present lose their token and become as a plain client would have left them.
 * Needs: every statement that runs knows the floor (`buildClearance`).
 * Locks rows in the order of their ids, as fenced batches do. On conflict: a row that is locked is left for the
 * next round; one that was written since the page was read is looked at again as it is now, since the condition
 * stands beside the lock.
 */
export const buildPruneStatement = (table: GroupTable, where: SQL): SQL => sql`
WITH page AS MATERIALIZED (
  SELECT group_id FROM ${table} ${where} ORDER BY group_id LIMIT $2::int
), locked AS MATERIALIZED (
  SELECT group_id, present FROM ${table}
  WHERE group_id IN (SELECT group_id FROM page) AND (fence <= $1::int8 OR (fence IS NULL AND NOT present))
  ORDER BY group_id FOR UPDATE SKIP LOCKED
), removed AS (
  DELETE FROM ${table} WHERE group_id IN (SELECT group_id FROM locked WHERE NOT present) RETURNING 1
), cleared AS (
  UPDATE ${table} SET fence = NULL, phase = NULL, op = NULL, outcome = NULL,
    before_present = NULL, before_timestamp = NULL, action_version = NULL
  WHERE group_id IN (SELECT group_id FROM locked WHERE present) RETURNING 1
)
SELECT (SELECT count(*) FROM removed)::int AS removed, (SELECT count(*) FROM cleared)::int AS cleared,
  (SELECT max(group_id) FROM page HAVING count(*) = $2::int) AS last`;
