import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { createHttpMetrics } from '../metrics/http-metrics.ts';
import type { Metrics } from '../metrics/registry.ts';

/** Tells the metrics of each request, by the route that it took. It belongs before everything else. */
export function measureRequests({ registry }: Pick<Metrics, 'registry'>): MiddlewareHandler {
  const tell = createHttpMetrics(registry);
  return async (context, next) => {
    const since = performance.now();
    await next();
    tell({
      method: context.req.method,
      route: routeOf(context),
      status: context.res.status,
      tookMs: performance.now() - since,
    });
  };
}

/**
 * The route as it is declared: never a path, of which there are as many as there are sagas. The last one is the handler; a path that
 * nobody serves has only what is there for all paths.
 */
export function routeOf(context: Context): string {
  const path = matchedRoutes(context).at(-1)?.path ?? '/*';
  return path === '/*' ? 'none' : path;
}
