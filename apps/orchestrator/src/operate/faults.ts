import { nodeFaults } from '@reliable-ops/contracts';
import { FaultsError, type FaultClient } from '@reliable-ops/connector';
import { Hono } from 'hono';
import { ProblemError, unavailable } from '../problem.ts';
import { readBody } from './body.ts';

/** GET /v1/faults: what each node does wrong on purpose; PUT /v1/faults/:node replaces one node's. */
export function faultRoutes(faults: FaultClient, nodes: string[]): Hono {
  return new Hono()
    .get('/v1/faults', async (context) => context.json(await told(faults.read())))
    .put('/v1/faults/:node', async (context) => {
      const node = context.req.param('node');
      if (!nodes.includes(node))
        throw new ProblemError(
          404,
          'NOT_FOUND',
          `there is no node "${node}": there are ${nodes.join(', ')}`,
        );
      const given = await readBody(nodeFaults, context);
      return context.json(await told(faults.set(node, given)));
    });
}

/** What the cluster answers; throws the problem where it does not. */
export async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FaultsError)) throw error;
    if (error.reason === 'none')
      throw new ProblemError(404, 'NO_FAULTS', error.message, { cause: error });
    throw unavailable('CLUSTER_AWAY', error.message, error);
  }
}
