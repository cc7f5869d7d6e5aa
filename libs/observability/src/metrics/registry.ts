import { Registry } from 'prom-client';
import { registerProcessMetrics } from './process-metrics.ts';

export interface Metrics {
  registry: Registry;
  /** What a scrape gets, in Prometheus' text format. */
  expose(): Promise<string>;
  contentType: string;
}

/** The metrics of one process: its own right away, and what it registers besides. Nothing of it is global. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return {
    registry,
    expose: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
