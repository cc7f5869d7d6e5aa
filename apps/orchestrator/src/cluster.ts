import type { ClusterView } from '@reliable-ops/contracts';
import type { ClusterReader } from '@reliable-ops/connector';
import { Hono } from 'hono';

/** GET /v1/cluster. Each node digests all its ids for it, so whoever asks meanwhile shares the answer. */
export function clusterRoutes(cluster: ClusterReader): Hono {
  let underWay: Promise<ClusterView> | undefined;
  return new Hono().get('/v1/cluster', async (context) => {
    underWay ??= cluster.read().finally(() => (underWay = undefined));
    return context.json(await underWay);
  });
}
