import { Pool } from 'undici';
import { type NodeName } from '../client.ts';

/** Thrown for an answer that will be the same next time: a 4xx other than 408 and 429. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

export interface PlainCalls {
  /** One call over the plain protocol. Throws PermanentError, or another Error where asking again may help. */
  call(node: NodeName, change: 'create' | 'delete', groupId: string): Promise<void>;
  close(): Promise<void>;
}

/** The answer to a retry whose first attempt did take effect says that nothing is left to do. */
const isDone = (change: 'create' | 'delete', status: number, text: string): boolean =>
  status < 300 ||
  (change === 'create' ? status === 400 && text.includes('exists') : status === 404);

export function checkAnswer(change: 'create' | 'delete', status: number, text: string): void {
  if (isDone(change, status, text)) return;
  const message = `${status} ${text.slice(0, 200)}`;
  if (status === 408 || status === 429 || status >= 500) throw new Error(message);
  throw new PermanentError(message);
}

/** Through an undici pool: the cheapest client that Node has. */
export function createPlainCalls(nodeApiUrl: string, connections: number): PlainCalls {
  const pool = new Pool(nodeApiUrl, { connections });
  return {
    async call(node, change, groupId) {
      const { statusCode, body } = await pool.request({
        path: '/v1/group',
        method: change === 'create' ? 'POST' : 'DELETE',
        headers: { node, 'content-type': 'application/json' },
        body: JSON.stringify({ groupId }),
      });
      checkAnswer(change, statusCode, await body.text());
    },
    close: () => pool.close(),
  };
}

/** So many in a row, and it is no accident. */
const mostAttempts = 1_000;

/** Tries again at once: what costs the loop least. */
export async function untilDone(call: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof PermanentError || attempt === mostAttempts) throw error;
    }
  }
}
