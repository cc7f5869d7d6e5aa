import { Counter, Histogram, type Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';

/** Milliseconds between two looks at the event loop: they are most of what an idle process does. prom-client's own come every 10 ms. */
const lookEveryMs = 500;
const lagSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

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

  measureLag(registry);
}

/**
 * A histogram that is never emptied, not quantiles since the last scrape: a process that hung answers the scrapes that were given up
 * meanwhile as soon as it goes on, and those would take away what it has to tell.
 */
function measureLag(registry: Registry): void {
  const lag = new Histogram({
    name: 'rops_event_loop_lag_seconds',
    help: 'How late the event loop came to a look that was due every 0.5 s',
    buckets: lagSeconds,
    registers: [registry],
  });
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    lag.observe(Math.max(0, now - last - lookEveryMs) / 1_000);
    last = now;
  }, lookEveryMs).unref();
}
