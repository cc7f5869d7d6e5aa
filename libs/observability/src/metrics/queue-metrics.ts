import { stagesQueue, type BullmqQueue } from '@reliable-ops/saga';
import type { Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';
import { cacheReading } from './cached-reading.ts';

const states = ['waiting', 'active', 'delayed'] as const;

/** What is in the queues, read when somebody scrapes. `rops_redis_up` says whether that could be. */
export function registerQueueMetrics(
  registry: Registry,
  { queues, isConnected }: Pick<BullmqQueue, 'queues' | 'isConnected'>,
): void {
  const read = cacheReading(async () => {
    // BullMQ would wait for Redis without an end.
    if (!isConnected()) throw new Error('Redis is away');
    return Promise.all(
      [...queues].map(async ([name, queue]) => ({
        name,
        counts: await queue.getJobCounts(...states),
      })),
    );
  });
  addGauge(registry, {
    name: 'rops_redis_up',
    help: 'Whether the queues could be read for this scrape',
    async collect() {
      this.set((await read()) === null ? 0 : 1);
    },
  });
  addGauge(registry, {
    name: 'rops_queue_jobs',
    help: 'Jobs in the queue of a node',
    labelNames: ['node', 'state'],
    async collect() {
      const found = await read();
      this.reset();
      for (const { name, counts } of found ?? [])
        if (name !== stagesQueue)
          for (const state of states) this.set({ node: name, state }, counts[state] ?? 0);
    },
  });
  addGauge(registry, {
    name: 'rops_stage_jobs',
    help: 'Jobs that go to several nodes at once',
    labelNames: ['state'],
    async collect() {
      const found = await read();
      this.reset();
      const counts = found?.find(({ name }) => name === stagesQueue)?.counts;
      if (counts) for (const state of states) this.set({ state }, counts[state] ?? 0);
    },
  });
}
