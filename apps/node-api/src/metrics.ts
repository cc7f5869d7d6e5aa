import type { Operation, OperationResult } from '@reliable-ops/contracts';
import { createNodeMetrics, metricsRoutes, type Metrics } from '@reliable-ops/observability';
import { Hono } from 'hono';
import type { Environment } from './environment.ts';
import { answerWrongMethod } from './errors.ts';
import type { NodeName } from './nodes.ts';

/** GET /metrics, for Prometheus; nothing where nothing is counted. */
export function createMetricsRoutes(metrics: Metrics | undefined): Hono<Environment> {
  const routes = new Hono<Environment>();
  if (!metrics) return routes;
  return routes.route('/', metricsRoutes(metrics)).all('/metrics', answerWrongMethod('GET'));
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
