import {
  staleStatus,
  type Operation,
  type OperationOutcome,
  type OperationResult,
} from '@reliable-ops/contracts';
import { arrayLiteral, type Sql } from '@reliable-ops/database';
import { floorTableOf, groupTableOf, nodeNames, type NodeName } from '../nodes.ts';
import { buildFencedStatement } from './statement.ts';

export interface OperationStore {
  /**
   * Applies the operations to a node and answers a result each, in their order. One statement, or one a wave where an
   * id comes more than once. Rejects when Postgres is away: what was applied is then unknown.
   */
  apply(node: NodeName, operations: Operation[]): Promise<OperationResult[]>;
}

interface StoredToken {
  group_id: string;
  fence: number;
  phase: number;
  outcome: OperationOutcome;
}

/** `buildStatement`: for tests, which show what a statement without the fence does. */
export function createOperationStore(
  sql: Sql,
  buildStatement: typeof buildFencedStatement = buildFencedStatement,
): OperationStore {
  const statements = Object.fromEntries(
    nodeNames.map((node) => [node, buildStatement(groupTableOf(node), floorTableOf(node))]),
  ) as Record<NodeName, string>;

  return {
    async apply(node, operations) {
      const results = Array.from<OperationResult>({ length: operations.length });
      for (const wave of splitIntoWaves(operations)) {
        // Prepared, which drizzle's execute is not: planning costs as much as running a small batch.
        const rows = await sql
          .unsafe<StoredToken[]>(statements[node], columnsOf(wave), { prepare: true })
          .catch((cause: unknown) => {
            throw new Error(`a fenced batch of ${wave.length} failed on ${node}`, { cause });
          });
        const stored = new Map(rows.map((row) => [row.group_id, row]));
        for (const { operation, index } of wave)
          results[index] = resultOf(operation, stored.get(operation.groupId));
      }
      return results;
    },
  };
}

interface Indexed {
  operation: Operation;
  index: number;
}

/** Operations on one id go into consecutive waves, in their order: a statement may touch a row only once. */
function splitIntoWaves(operations: Operation[]): Indexed[][] {
  const waves: Indexed[][] = [];
  const timesSeen = new Map<string, number>();
  for (const [index, operation] of operations.entries()) {
    const wave = timesSeen.get(operation.groupId) ?? 0;
    timesSeen.set(operation.groupId, wave + 1);
    (waves[wave] ??= []).push({ operation, index });
  }
  return waves;
}

function columnsOf(wave: Indexed[]) {
  return [
    wave.map(({ operation }) => operation.groupId),
    arrayLiteral(wave.map(({ operation }) => operation.op)),
    arrayLiteral(wave.map(({ operation }) => operation.timestamp)),
    arrayLiteral(wave.map(({ operation }) => operation.token[0])),
    arrayLiteral(wave.map(({ operation }) => operation.token[1])),
  ];
}

function resultOf({ token }: Operation, stored: StoredToken | undefined): OperationResult {
  if (!stored)
    return {
      status: staleStatus,
      message: `stale: [${token.join(', ')}] is not above this node's floor, so its saga ended long ago`,
    };
  if (stored.fence === token[0] && stored.phase === token[1])
    return { status: 200, outcome: stored.outcome };
  return {
    status: staleStatus,
    message: `stale: the record has seen token [${stored.fence}, ${stored.phase}], newer than [${token.join(', ')}]`,
  };
}
