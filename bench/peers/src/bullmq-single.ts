import { randomUUID } from 'node:crypto';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { nodes, runInFlight, type ConnectClient } from '../../src/client.ts';
import { createPlainCalls } from '../../src/clients/plain-calls.ts';
import { jobOptions } from './bullmq-jobs.ts';

interface SagaJob {
  groupId: string;
}

/**
 * What one writes by hand: a job a saga, whose handler makes the three calls at once; a job with a failed call is tried
 * again as a whole. Queue, worker and the wait for the end in one process, which costs least.
 */
export const connectClient: ConnectClient = async ({ nodeApiUrl, redisUrl, inFlight }) => {
  const name = `bench-${randomUUID()}`;
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const { call, close } = createPlainCalls(nodeApiUrl, 100);
  const queue = new Queue<SagaJob>(name, { connection });
  const events = new QueueEvents(name, { connection });
  const worker = new Worker<SagaJob>(
    name,
    async ({ data: { groupId } }) => {
      await Promise.all(nodes.map((node) => call(node, 'create', groupId)));
    },
    { connection, concurrency: inFlight },
  );
  queue.setMaxListeners(0); // one a job that is waited for
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
  return {
    run: (_change, ids) =>
      runInFlight(ids, inFlight, async (groupId) => {
        const job = await queue.add('create', { groupId }, jobOptions);
        await job.waitUntilFinished(events);
      }),
    async close() {
      await Promise.all([worker.close(), queue.close(), events.close()]);
      await close();
    },
  };
};
