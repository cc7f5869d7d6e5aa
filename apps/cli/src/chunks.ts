import { randomUUID } from 'node:crypto';
import type { BatchAccepted } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import { interruption } from './pause.ts';

/**
 * Sagas in one POST. A tenth of what the orchestrator takes: large enough for its transactions to be
 * cheap per saga, small enough for 1,000 ids of full length to fit its request limit, for a lost reply
 * to cost little, and for progress to be seen.
 */
const chunkSagas = 1_000;
/** Chunks under way at once: keeps the orchestrator busy without a queue in front of it. */
const chunksInFlight = 4;

/**
 * Sends one saga per id, a chunk a batch, each with a key of its own, so that a chunk whose reply was
 * lost is sent again without harm. `onAccepted` hears of each batch. Throws the first error, once the
 * chunks in flight have come back; no further one is begun then, nor once `signal` is aborted.
 */
export async function sendChunks(
  client: Client,
  saga: string,
  ids: Iterable<string>,
  { onAccepted, signal }: { onAccepted: (batch: BatchAccepted) => void; signal: AbortSignal },
): Promise<void> {
  const chunks = cut(ids, chunkSagas);
  // The generator is shared: an error in one of them closes it for all.
  const sendNext = async (): Promise<void> => {
    for (const chunk of chunks) {
      if (signal.aborted) return;
      const inputs = chunk.map((groupId) => ({ groupId }));
      onAccepted(await client.startBatch({ saga, inputs }, randomUUID()));
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: chunksInFlight }, sendNext));
  const failed = ended.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  if (signal.aborted) throw interruption(signal);
}

function* cut<Item>(items: Iterable<Item>, size: number): Generator<Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
