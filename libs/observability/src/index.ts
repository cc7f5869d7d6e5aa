/**
 * Eyes on the system: what its processes tell Prometheus, their log, and whoever collects traces. Read first: metrics/engine-metrics.ts (what is counted),
 * metrics/log-metrics.ts (what is read from the saga log when somebody scrapes).
 */
export * from './combine-observers.ts';
export * from './http/measure-requests.ts';
export * from './http/metrics-routes.ts';
export * from './http/trace-requests.ts';
export * from './logs/log-sagas.ts';
export * from './metrics/engine-metrics.ts';
export * from './metrics/http-metrics.ts';
export * from './metrics/job-metrics.ts';
export * from './metrics/log-metrics.ts';
export * from './metrics/node-metrics.ts';
export * from './metrics/queue-metrics.ts';
export * from './metrics/recovery-metrics.ts';
export * from './metrics/registry.ts';
export * from './metrics/serve-metrics.ts';
export * from './tracing/tracing.ts';
