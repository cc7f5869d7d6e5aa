import type { PruneResult } from '@reliable-ops/contracts';
import type { Sql } from '@reliable-ops/database';
import { sql as build } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { nodeLimits } from '../limits.ts';
import { floorTableOf, groupTableOf, nodeNames, type NodeName } from '../nodes.ts';
import { buildClearance, buildPruneStatement, buildRaise } from './statements.ts';

export interface Pruner {
  /**
   * Raises the node's floor to `floor`, unless it is higher already; then removes what one page of records after `after`
   * keeps only for tokens up to the floor.
   */
  prune(node: NodeName, request: { floor: number; after: string | null }): Promise<PruneResult>;
}

/** `clearance`: for tests, which show what it means not to wait for statements that do not know the floor. */
export function createPruner(sql: Sql, clearance: typeof buildClearance = buildClearance): Pruner {
  const statements = Object.fromEntries(
    nodeNames.map((node) => {
      const [groups, floor] = [groupTableOf(node), floorTableOf(node)];
      const text = (statement: ReturnType<typeof buildRaise>) =>
        new PgDialect().sqlToQuery(statement).sql;
      return [
        node,
        {
          raise: text(buildRaise(floor)),
          clear: text(clearance(floor)),
          first: text(buildPruneStatement(groups, build``)),
          next: text(buildPruneStatement(groups, build`WHERE group_id > $3::text`)),
        },
      ];
    }),
  ) as Record<NodeName, Record<'raise' | 'clear' | 'first' | 'next', string>>;

  return {
    async prune(node, { floor, after }) {
      const { raise, clear, first, next } = statements[node];
      await sql.unsafe(raise, [floor], { prepare: true });
      const [inForce] = await sql.unsafe<{ fence: number; isKnown: boolean }[]>(clear, [], {
        prepare: true,
      });
      const waits = { floor: inForce!.fence, removed: 0, cleared: 0, isDone: false, after };
      if (!inForce!.isKnown) return waits;
      const limit = nodeLimits.prunedRecords;
      const [page] = await sql.unsafe<{ removed: number; cleared: number; last: string | null }[]>(
        after === null ? first : next,
        // Not the floor of that moment: it may have been raised again, and that one is not known to all.
        [inForce!.fence, limit, ...(after === null ? [] : [after])],
        { prepare: true },
      );
      const { removed, cleared, last } = page!;
      return { floor: inForce!.fence, removed, cleared, isDone: last === null, after: last };
    },
  };
}
