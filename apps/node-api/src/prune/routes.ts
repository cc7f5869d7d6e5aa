import { pruneRequest } from '@reliable-ops/contracts';
import { Hono } from 'hono';
import { checkBody, limitBody, readJson } from '../body.ts';
import { requireNode, type Environment } from '../environment.ts';
import { answerWrongMethod } from '../errors.ts';
import type { ClusterFaults } from '../faults/cluster-faults.ts';
import { nodeLimits } from '../limits.ts';
import type { Pruner } from './pruner.ts';

/** POST /v1/prune: what a node may forget. */
export function createPruneRoutes(options: {
  pruner: Pruner;
  faults: ClusterFaults;
}): Hono<Environment> {
  const { pruner, faults } = options;
  return new Hono<Environment>()
    .post('/v1/prune', limitBody(nodeLimits.plainBodyBytes), faults.disturb, async (c) => {
      const node = requireNode(c);
      return c.json(await pruner.prune(node, checkBody(await readJson(c), pruneRequest)));
    })
    .all('/v1/prune', answerWrongMethod('POST'));
}
