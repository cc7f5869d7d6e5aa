import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, type Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';

/** Milliseconds between two looks at the event loop. prom-client's own looks every 10 ms cost an idle process 0.6 % of a core. */
const lookEveryMs = 100;
const quantiles = [0.5, 0.99, 1];

/** What the process takes, under the names that every Prometheus client uses, and how late its event loop is. */
export function registerProcessMetrics(registry: Registry): void {
  registry.registerMetric(
    new Counter({
      name: 'process_cpu_seconds_total',
      registers: [],
      help: 'User and system CPU time spent, in seconds',
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    }),
  );
  addGauge(registry, {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory',
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  addGauge(registry, {
    name: 'nodejs_heap_size_used_bytes',
    help: 'Heap in use',
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  addGauge(registry, {
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970',
  }).set(Math.round(Date.now() / 1_000 - process.uptime()));

  const delay = monitorEventLoopDelay({ resolution: lookEveryMs });
  delay.enable();
  addGauge(registry, {
    name: 'rops_event_loop_lag_seconds',
    help: 'How late the event loop was, since the last scrape; quantile 1 is the worst',
    labelNames: ['quantile'],
    collect() {
      for (const quantile of quantiles) {
        // The histogram has the whole time between two looks.
        const lagMs = delay.count === 0 ? 0 : delay.percentile(quantile * 100) / 1e6 - lookEveryMs;
        this.set({ quantile }, Math.max(0, lagMs) / 1_000);
      }
      delay.reset();
    },
  });
}
