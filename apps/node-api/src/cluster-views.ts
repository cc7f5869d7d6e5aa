import type { NodeSummary } from '@reliable-ops/contracts';
import { sql, type SQL } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { groupTableOf, nodeNames, type NodeName } from './nodes.ts';

export type ClusterStats = [consistent: boolean, groups: Record<NodeName, number>];

/**
 * Whether the nodes hold the same ids, and how many each. One statement, so all are seen at one moment. Sets of
 * equal size are the same when none of the first one's ids lacks elsewhere: ids are compared only where counts agree.
 */
export async function readStats(db: PostgresJsDatabase): Promise<ClusterStats> {
  const [row] = await db.execute<Record<NodeName, number> & { consistent: boolean }>(sql`
    SELECT node01, node02, node03, CASE WHEN node01 = node02 AND node02 = node03
      THEN ${holdsAllOf('node02', 'node01')} AND ${holdsAllOf('node03', 'node01')} ELSE false END AS consistent
    FROM (SELECT ${countOf('node01')} AS node01, ${countOf('node02')} AS node02, ${countOf('node03')} AS node03)
      AS counted`);
  if (!row) throw new Error('Postgres answered no row to a query that always has one');
  const counts = nodeNames.map((node) => [node, row[node]]);
  return [row.consistent, Object.fromEntries(counts) as Record<NodeName, number>];
}

/** A node's groups and a digest of their ids that does not depend on their order: two sums of 64-bit hashes. */
export async function readSummary(db: PostgresJsDatabase, node: NodeName): Promise<NodeSummary> {
  const [row] = await db.execute<NodeSummary>(sql`
    SELECT count(*)::int AS groups, ${sumOfHashes(0)} || ':' || ${sumOfHashes(1)} AS digest
    FROM ${groupTableOf(node)} WHERE present`);
  if (!row) throw new Error('Postgres answered no row to a query that always has one');
  return { groups: row.groups, digest: row.digest };
}

const countOf = (node: NodeName): SQL =>
  sql`(SELECT count(*)::int FROM ${groupTableOf(node)} WHERE present)`;

const holdsAllOf = (node: NodeName, other: NodeName): SQL => sql`NOT EXISTS (
  SELECT FROM ${groupTableOf(other)} AS theirs WHERE theirs.present AND NOT EXISTS (
    SELECT FROM ${groupTableOf(node)} AS ours WHERE ours.present AND ours.group_id = theirs.group_id))`;

const sumOfHashes = (seed: 0 | 1): SQL =>
  sql`coalesce(sum(hashtextextended(group_id, ${sql.raw(String(seed))})::numeric), 0)::text`;
