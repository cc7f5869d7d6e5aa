import { randomUUID } from 'node:crypto';
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import { nodes, runInFlight, type ConnectClient, type NodeName } from '../../src/client.ts';
import { createPlainCalls } from '../../src/clients/plain-calls.ts';
import { jobOptions } from './bullmq-jobs.ts';

interface CallJob {
  node: NodeName;
  groupId: string;
}

/** The documented shape for a saga of several calls: a flow, whose children make a call each and whose parent ends it. */
export const connectClient: ConnectClient = async ({ nodeApiUrl, redisUrl, inFlight }) => {
  const id = randomUUID();
  const [sagas, calls] = [`bench-sagas-${id}`, `bench-calls-${id}`];
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const { call, close } = createPlainCalls(nodeApiUrl, 100);
  const producer = new FlowProducer({ connection });
  const events = new QueueEvents(sagas, { connection });
  const queue = new Queue(sagas, { connection });
  const workers = [
    new Worker<CallJob>(calls, ({ data: { node, groupId } }) => call(node, 'create', groupId), {
      connection,
      concurrency: nodes.length * inFlight,
    }),
    new Worker(sagas, async () => {}, { connection, concurrency: inFlight }),
  ];
  producer.setMaxListeners(0); // one a job that is waited for
  await Promise.all([
    producer.waitUntilReady(),
    events.waitUntilReady(),
    queue.waitUntilReady(),
    ...workers.map((worker) => worker.waitUntilReady()),
  ]);
  return {
    run: (_change, ids) =>
      runInFlight(ids, inFlight, async (groupId) => {
        const { job } = await producer.add({
          name: 'create',
          queueName: sagas,
          data: { groupId },
          opts: jobOptions,
          children: nodes.map((node) => ({
            name: 'create',
            queueName: calls,
            data: { node, groupId },
            opts: jobOptions,
          })),
        });
        await job.waitUntilFinished(events);
      }),
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all([producer.close(), events.close(), queue.close()]);
      await close();
    },
  };
};
