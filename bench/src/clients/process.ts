/** The process that the bench forks to send the work: what that costs is counted apart. */
import { pathToFileURL } from 'node:url';
import type { Client, ConnectClient } from '../client.ts';
import { idsOf, type Answer, type Order } from './orders.ts';

let client: Client | undefined;

async function obey(order: Order): Promise<Answer> {
  if ('connect' in order) {
    const module = (await import(pathToFileURL(order.connect).href)) as {
      connectClient: ConnectClient;
    };
    client = await module.connectClient(order.settings);
    return { latenciesMs: [], seconds: 0 };
  }
  if ('offer' in order) {
    if (!client?.offer) throw new Error('this client offers nothing');
    return { latenciesMs: [], seconds: 0, offered: await client.offer(order.offer) };
  }
  if ('close' in order) {
    await client?.close();
    return { latenciesMs: [], seconds: 0 };
  }
  const ids = idsOf(order.prefix, order.sagas);
  const startedAt = performance.now();
  const latenciesMs = (await client?.run(order.change, ids)) ?? [];
  return { latenciesMs, seconds: (performance.now() - startedAt) / 1_000 };
}

process.on('message', (order: Order) => {
  obey(order)
    .catch((error: unknown): Answer => ({
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }))
    .then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
