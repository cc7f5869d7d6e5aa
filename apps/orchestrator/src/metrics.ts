import { createHttpMetrics, type Metrics } from '@reliable-ops/observability';
import { Hono, type MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';

/** GET /metrics, for Prometheus. It stands behind the same guards as everything else: a scrape carries a token where one is needed. */
export function metricsRoutes(metrics: Pick<Metrics, 'expose' | 'contentType'>): Hono {
  return new Hono().get('/metrics', async (context) =>
    context.body(await metrics.expose(), 200, { 'Content-Type': metrics.contentType }),
  );
}

/** Tells the metrics of each request, by the route that it took. */
export function measureRequests({ registry }: Pick<Metrics, 'registry'>): MiddlewareHandler {
  const tell = createHttpMetrics(registry);
  return async (context, next) => {
    const since = performance.now();
    await next();
    // The last one is the handler; a path that nobody serves has only what is there for all paths.
    const { path: route } = matchedRoutes(context).at(-1)!;
    tell({
      method: context.req.method,
      route: route === '/*' ? 'none' : route,
      status: context.res.status,
      tookMs: performance.now() - since,
    });
  };
}
