import type { LogMeasures } from '@reliable-ops/saga';
import type { Gauge, Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';
import { cacheReading } from './cached-reading.ts';

export interface LogMetricsOptions {
  /** The nodes that there are: one that is owed nothing shows 0. */
  nodes: string[];
  measure(): Promise<LogMeasures>;
}

/**
 * Gauges of the saga log, read when somebody scrapes. They belong to one kind of process (the orchestrator): a log is the same
 * whoever reads it. While Postgres is away `rops_postgres_up` is 0 and the others are absent, so that no old number looks like a new one.
 */
export function registerLogMetrics(
  registry: Registry,
  { nodes, measure }: LogMetricsOptions,
): void {
  const read = cacheReading(measure);
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    show: (gauge: Gauge, measures: LogMeasures) => void,
  ): void => {
    addGauge(registry, {
      name,
      help,
      labelNames,
      async collect() {
        const measures = await read();
        this.reset();
        if (measures) show(this, measures);
        else if (labelNames.length === 0) this.remove();
      },
    });
  };

  addGauge(registry, {
    name: 'rops_postgres_up',
    help: 'Whether the saga log could be read for this scrape',
    async collect() {
      this.set((await read()) === null ? 0 : 1);
    },
  });
  gauge('rops_sagas_active', 'Sagas that have not ended', ['status'], (own, measures) => {
    for (const status of ['queued', 'running', 'compensating'] as const)
      own.set({ status }, measures[status]);
  });
  gauge(
    'rops_sagas_stuck',
    'Sagas that cannot be taken back, and keep trying',
    [],
    (own, { stuck }) => own.set(stuck),
  );
  gauge(
    'rops_sagas_past_deadline',
    'Running sagas whose deadline has passed',
    [],
    (own, { pastDeadline }) => own.set(pastDeadline),
  );
  gauge(
    'rops_saga_oldest_active_seconds',
    'Age of the oldest saga that has not ended',
    [],
    (own, { oldestActiveMs }) => own.set(oldestActiveMs / 1_000),
  );
  gauge(
    'rops_lanes_waiting',
    'Keys on which a saga waits for another',
    [],
    (own, { lanesWaiting }) => own.set(lanesWaiting),
  );

  const ofNodes = (show: (owed: LogMeasures['outbox'][number] | undefined) => number) => {
    return (own: Gauge, { outbox }: LogMeasures): void => {
      const owed = new Map(outbox.map((one) => [one.participant, one]));
      for (const node of new Set([...nodes, ...owed.keys()]))
        own.set({ node }, show(owed.get(node)));
    };
  };
  gauge(
    'rops_outbox_rows',
    'Jobs owed to the queue',
    ['node'],
    ofNodes((owed) => owed?.rows ?? 0),
  );
  gauge(
    'rops_outbox_overdue_rows',
    'Jobs owed that should have been carried out some time ago',
    ['node'],
    ofNodes((owed) => owed?.overdue ?? 0),
  );
  gauge(
    'rops_outbox_oldest_overdue_seconds',
    'For how long the oldest job owed has been due',
    ['node'],
    ofNodes((owed) => (owed?.oldestOverdueMs ?? 0) / 1_000),
  );
  gauge(
    'rops_node_paused',
    'Whether an operator has paused the node',
    ['node'],
    (own, { paused }) => {
      for (const node of new Set([...nodes, ...paused]))
        own.set({ node }, paused.includes(node) ? 1 : 0);
    },
  );
  gauge(
    'rops_recovery_lapsed_seconds',
    'For how long no worker has held the lease of recovery',
    [],
    (own, { recoveryLapsedMs }) => own.set(recoveryLapsedMs / 1_000),
  );
  gauge(
    'rops_maintenance_age_seconds',
    'Time since what is old was removed; absent until it has been once',
    [],
    (own, { maintenanceAgeMs }) => {
      if (maintenanceAgeMs === null) own.remove();
      else own.set(maintenanceAgeMs / 1_000);
    },
  );
}
