import { Histogram, type Registry } from 'prom-client';

export interface RequestMeasure {
  method: string;
  /** The route as it is declared: never a path, of which there are as many as there are sagas. */
  route: string;
  status: number;
  tookMs: number;
}

/** A request that waits for a saga's end (`Prefer: wait`) takes up to a minute. */
const requestSeconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Methods of HTTP that we serve; any other text counts as one. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Answers what to tell of each request that was answered. */
export function createHttpMetrics(registry: Registry): (measure: RequestMeasure) => void {
  const duration = new Histogram({
    name: 'rops_http_request_duration_seconds',
    help: 'Requests answered, by route',
    labelNames: ['method', 'route', 'status'],
    buckets: requestSeconds,
    registers: [registry],
  });
  return ({ method, route, status, tookMs }) =>
    duration.observe(
      { method: methods.has(method) ? method : 'other', route, status },
      tookMs / 1_000,
    );
}
