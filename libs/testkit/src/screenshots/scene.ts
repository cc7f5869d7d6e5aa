import { setTimeout as pause } from 'node:timers/promises';
import { clientOf } from '../client.ts';
import type { System } from '../system.ts';
import { waitFor } from '../wait-for.ts';

/** Seconds of work before the pictures: their charts need something to show. */
const workSeconds = 100;
const sagasASecond = 25;

export interface Scene {
  /** A saga that cannot be taken back, with some attempts behind it. */
  stuckId: string;
}

/** What the pictures show: nodes that fail now and then under steady work, one of them all the time at last, and sagas stuck on it. */
export async function playScene(system: System, say: (line: string) => void): Promise<Scene> {
  const client = clientOf(system);
  await client.setFaults('node01', { error: 0.02, delayMs: 5 });
  await client.setFaults('node02', { error: 0.15, lostReply: 0.05, delayMs: 20 });
  await client.setFaults('node03', { error: 0.05, delayMs: 10 });
  say(`${workSeconds} s of work, for the charts`);
  for (let second = 0; second < workSeconds; second++) {
    const wave = Math.round(sagasASecond * (1 + 0.6 * Math.sin(second / 9)));
    const ids = Array.from({ length: wave }, (_, index) => `${second * 100 + index}`);
    await client.post('create-group', ids);
    await pause(1_000);
  }
  await client.setFaults('node03', { error: 1 });
  const batch = await client.post('delete-group', ['11', '12', '13', '14']);
  const [stuck] = await waitFor(
    'stuck sagas',
    async () => {
      const sagas = await client.sagas(batch);
      const isPatient = sagas.every(({ steps }) => steps.some(({ attempts }) => attempts >= 6));
      return sagas.every((saga) => saga.stuck) && isPatient ? sagas : undefined;
    },
    { timeoutMs: 120_000, everyMs: 500 },
  );
  return { stuckId: stuck!.id };
}
