import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import type { ConnectClient } from '../client.ts';
import { idsOfBatch, offeredTogether, type Offered } from './orders.ts';

/** A batch that the server does not answer at all ends here, and is asked for again later. */
const answerWithinMs = 60_000;
const askAgainEveryMs = 500;
const mostAsked = 240;

/**
 * Clients that do not wait for one another: a batch is sent when its time has come, however the system does. A refused one is
 * dropped. One without an answer may have been accepted: it is asked for again, with its key, until that is known.
 */
export const connectClient: ConnectClient = async ({ orchestratorUrl, inFlight }) => {
  const pool = new Pool(orchestratorUrl, {
    connections: inFlight,
    headersTimeout: answerWithinMs,
    bodyTimeout: answerWithinMs,
  });

  const send = async (batch: number, key: string): Promise<'accepted' | 'refused' | 'unknown'> => {
    const inputs = idsOfBatch(batch).map((groupId) => ({ groupId }));
    try {
      const { statusCode, body } = await pool.request({
        path: '/v1/sagas/batch',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ saga: 'create-group', inputs }),
      });
      const text = await body.text();
      if (statusCode === 202) return 'accepted';
      if (statusCode === 429) return 'refused';
      if (statusCode >= 500) return 'unknown';
      throw new WrongAnswer(`batch: ${statusCode} ${text.slice(0, 500)}`);
    } catch (error) {
      if (error instanceof WrongAnswer) throw error;
      return 'unknown';
    }
  };
  const ask = async (batch: number, key: string): Promise<boolean> => {
    for (let asked = 0; asked < mostAsked; asked++) {
      await pause(askAgainEveryMs);
      const answer = await send(batch, key);
      if (answer !== 'unknown') return answer === 'accepted';
    }
    throw new Error(`batch ${batch} never had an answer`);
  };

  return {
    run: () => Promise.reject(new Error('open-loop only offers')),
    async offer({ rate, seconds }) {
      const offered: Offered = {
        accepted: [],
        bySecond: Array.from({ length: seconds }, () => ({ offered: 0, accepted: 0, refused: 0 })),
        askedAgain: 0,
      };
      const offerOne = async (batch: number, second: number): Promise<void> => {
        const key = randomUUID();
        const of = offered.bySecond[second]!;
        of.offered++;
        const answer = await send(batch, key);
        if (answer === 'unknown') offered.askedAgain++;
        const isAccepted = answer === 'unknown' ? await ask(batch, key) : answer === 'accepted';
        if (isAccepted) offered.accepted.push(batch);
        of[isAccepted ? 'accepted' : 'refused']++;
      };
      const everyMs = (1_000 * offeredTogether) / rate;
      const startedAt = performance.now();
      const sent: Promise<void>[] = [];
      for (let batch = 0; batch * everyMs < seconds * 1_000; batch++) {
        const dueMs = batch * everyMs;
        const inMs = startedAt + dueMs - performance.now();
        if (inMs > 0) await pause(inMs);
        sent.push(offerOne(batch, Math.floor(dueMs / 1_000)));
      }
      await Promise.all(sent);
      return offered;
    },
    close: () => pool.close(),
  };
};

class WrongAnswer extends Error {}
