import { Hono } from 'hono';
import type { Metrics } from '../metrics/registry.ts';

/** GET /metrics, for Prometheus, behind whatever guards the API has. */
export function metricsRoutes(metrics: Pick<Metrics, 'expose' | 'contentType'>): Hono {
  return new Hono().get('/metrics', async (context) =>
    context.body(await metrics.expose(), 200, { 'Content-Type': metrics.contentType }),
  );
}
