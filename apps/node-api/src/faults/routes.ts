import { nodeFaults } from '@reliable-ops/contracts';
import { Hono } from 'hono';
import { checkBody, limitBody, readJson } from '../body.ts';
import { unknownNode, type Environment } from '../environment.ts';
import { answerWrongMethod, refusal } from '../errors.ts';
import { nodeLimits } from '../limits.ts';
import { isNodeName } from '../nodes.ts';
import type { ClusterFaults } from './cluster-faults.ts';

/** GET /v1/faults: every node's; PUT /v1/faults/:node: replaces one node's. Never disturbed by the faults themselves. */
export function createFaultRoutes(faults: ClusterFaults): Hono<Environment> {
  return new Hono<Environment>()
    .get('/v1/faults', (c) => c.json(faults.all()))
    .all('/v1/faults', answerWrongMethod('GET'))
    .put('/v1/faults/:node', limitBody(nodeLimits.plainBodyBytes), async (c) => {
      const node = c.req.param('node');
      if (!isNodeName(node)) throw refusal(404, unknownNode(node));
      const given = checkBody(await readJson(c), nodeFaults);
      faults.set(node, given);
      return c.json(given);
    })
    .all('/v1/faults/:node', answerWrongMethod('PUT'));
}
