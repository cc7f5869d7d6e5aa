import { setTimeout as pause } from 'node:timers/promises';
import { batchAccepted, batchCounts } from '@reliable-ops/contracts';
import { Pool } from 'undici';
import type { ConnectClient } from '../client.ts';

/** As `rops create` sends them (apps/cli/src/chunks.ts). */
const chunkSagas = 1_000;
/** Between two looks at the oldest batch that has not ended. */
const lookEveryMs = 50;

/** Batches, some of them in flight at once; then asks for each until all of its sagas have ended. */
export const connectClient: ConnectClient = async ({ orchestratorUrl, inFlight }) => {
  const pool = new Pool(orchestratorUrl, { connections: inFlight + 1 });

  const accept = async (saga: string, groupIds: string[]): Promise<string> => {
    const { statusCode, headers, body } = await pool.request({
      path: '/v1/sagas/batch',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ saga, inputs: groupIds.map((groupId) => ({ groupId })) }),
    });
    const text = await body.text();
    if (statusCode === 429) {
      await pause(1_000 * Number(headers['retry-after']));
      return accept(saga, groupIds);
    }
    if (statusCode !== 202) throw new Error(`batch: ${statusCode} ${text.slice(0, 500)}`);
    return batchAccepted.parse(JSON.parse(text)).batchId;
  };
  const untilEnded = async (batchId: string): Promise<void> => {
    for (;;) {
      const { body } = await pool.request({ path: `/v1/batches/${batchId}`, method: 'GET' });
      const counts = batchCounts.parse(await body.json());
      if (counts.completed === counts.total) return;
      if (counts.queued + counts.running + counts.compensating === 0)
        throw new Error(`not all completed: ${JSON.stringify(counts)}`);
      await pause(lookEveryMs);
    }
  };

  return {
    async run(change, ids) {
      const accepted: Promise<string>[] = [];
      const chunks = cut(ids).values();
      const sendNext = async (): Promise<void> => {
        for (const chunk of chunks) {
          const sent = accept(`${change}-group`, chunk);
          accepted.push(sent);
          await sent;
        }
      };
      await Promise.all(Array.from({ length: inFlight }, sendNext));
      for (const batchId of accepted) await untilEnded(await batchId);
      return [];
    },
    close: () => pool.close(),
  };
};

function cut(ids: string[]): string[][] {
  const chunks: string[][] = [];
  for (let from = 0; from < ids.length; from += chunkSagas)
    chunks.push(ids.slice(from, from + chunkSagas));
  return chunks;
}
