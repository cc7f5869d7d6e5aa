import {
  limits,
  operations as operationsSchema,
  type Operation,
  type OperationResult,
} from '@reliable-ops/contracts';
import { Hono } from 'hono';
import { checkBody, limitBody, readJson } from '../body.ts';
import { requireNode, type Environment } from '../environment.ts';
import { answerWrongMethod, refusal } from '../errors.ts';
import { errorFault, lostReplyFault, type ClusterFaults } from '../faults/cluster-faults.ts';
import { nodeLimits } from '../limits.ts';
import type { TellOperations } from '../metrics.ts';
import type { NodeName } from '../nodes.ts';
import { randomError, type RandomBehavior } from '../random-behavior.ts';
import type { OperationStore } from './operation-store.ts';

export interface FencedOptions {
  store: OperationStore;
  faults: ClusterFaults;
  random: RandomBehavior;
  tell: TellOperations;
}

/** The fenced protocol: POST /v1/operations. A request is refused as a whole or answered operation by operation. */
export function createFencedRoutes({
  store,
  faults,
  random,
  tell,
}: FencedOptions): Hono<Environment> {
  const failsFirst = (node: NodeName): OperationResult | undefined =>
    randomError(random) ??
    (faults.isError(node) ? { status: 500, message: errorFault } : undefined);

  const applyUnreliably = async (
    node: NodeName,
    operations: Operation[],
  ): Promise<OperationResult[]> => {
    const results = operations.map(() => failsFirst(node));
    const applied = await store.apply(
      node,
      operations.filter((_, index) => !results[index]),
    );
    let next = 0;
    return results.map((failed) => {
      if (failed) return failed;
      const result = applied[next++] as OperationResult;
      return faults.isLostReply(node) ? { status: 500, message: lostReplyFault } : result;
    });
  };

  return new Hono<Environment>()
    .post(
      '/v1/operations',
      limitBody(nodeLimits.operationsBodyBytes),
      faults.disturb,
      async (c) => {
        const node = requireNode(c);
        const operations = readOperations(await readJson(c));
        const results = await applyUnreliably(node, operations);
        tell(node, operations, results);
        return c.json(results);
      },
    )
    .all('/v1/operations', answerWrongMethod('POST'));
}

function readOperations(body: unknown): Operation[] {
  if (Array.isArray(body) && body.length > limits.operations)
    throw refusal(
      413,
      `At most ${limits.operations} operations in one request, not ${body.length}`,
    );
  return checkBody(body, operationsSchema);
}
