import { Pool } from 'undici';
import { runInFlight, type ConnectClient } from '../client.ts';

/** A saga a request; the answer comes when it has ended. */
export const connectClient: ConnectClient = async ({ orchestratorUrl, inFlight }) => {
  const pool = new Pool(orchestratorUrl, { connections: inFlight });
  const send = async (saga: string, groupId: string): Promise<void> => {
    const { statusCode, body } = await pool.request({
      path: '/v1/sagas',
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=60' },
      body: JSON.stringify({ saga, input: { groupId } }),
    });
    const text = await body.text();
    const { status } = JSON.parse(text) as { status?: unknown };
    if (statusCode !== 200 || status !== 'completed')
      throw new Error(`saga of ${groupId}: ${statusCode} ${text.slice(0, 500)}`);
  };
  return {
    run: (change, ids) => runInFlight(ids, inFlight, (id) => send(`${change}-group`, id)),
    close: () => pool.close(),
  };
};
