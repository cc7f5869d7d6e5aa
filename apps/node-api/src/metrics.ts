import type { Operation, OperationResult } from '@reliable-ops/contracts';
import { createHttpMetrics, createNodeMetrics, type Metrics } from '@reliable-ops/observability';
import { Hono, type MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Environment } from './environment.ts';
import { answerWrongMethod } from './errors.ts';
import type { NodeName } from './nodes.ts';

/** GET /metrics, for Prometheus; nothing where nothing is counted. */
export function createMetricsRoutes(metrics: Metrics | undefined): Hono<Environment> {
  const routes = new Hono<Environment>();
  if (!metrics) return routes;
  return routes
    .get('/metrics', async (c) =>
      c.body(await metrics.expose(), 200, { 'Content-Type': metrics.contentType }),
    )
    .all('/metrics', answerWrongMethod('GET'));
}

/** Tells the metrics of each request, by the route that it took. */
export function measureRequests(metrics: Metrics | undefined): MiddlewareHandler<Environment> {
  if (!metrics) return (_, next) => next();
  const tell = createHttpMetrics(metrics.registry);
  return async (c, next) => {
    const since = performance.now();
    await next();
    const { path: route } = matchedRoutes(c).at(-1)!;
    tell({
      method: c.req.method,
      route: route === '/*' ? 'none' : route,
      status: c.res.status,
      tookMs: performance.now() - since,
    });
  };
}

export type TellOperations = (
  node: NodeName,
  operations: Operation[],
  results: OperationResult[],
) => void;

/** Tells the metrics of the operations of a request. */
export function measureOperations(metrics: Metrics | undefined): TellOperations {
  if (!metrics) return () => {};
  const tell = createNodeMetrics(metrics.registry);
  return (node, operations, results) =>
    tell(
      node,
      results.map((result, index) => ({
        op: operations[index]!.op,
        outcome: 'outcome' in result ? 'applied' : String(result.status),
      })),
    );
}
