import { afterEach, describe, expect, test } from '@jest/globals';
import { startChild } from '@reliable-ops/local';
import { waitFor } from '@reliable-ops/testkit';
import { backOffMs } from '../src/supervisor/back-off.ts';
import { supervise, type Supervised } from '../src/supervisor/supervised.ts';
import { isRunning } from './run-stack.ts';

const running: Supervised[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** A process that runs `code`, under supervision. */
async function superviseCode(code: string): Promise<{ supervised: Supervised; said: string[] }> {
  const said: string[] = [];
  const supervised = await supervise({
    name: 'stand-in',
    start: () => startChild({ command: process.execPath, args: ['-e', code] }),
    say: (line) => said.push(line),
    changed: () => {},
  });
  running.push(supervised);
  return { supervised, said };
}

const lives = 'setInterval(() => {}, 1000)';

test('the wait before a start doubles from 0.1 s to 5 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 50].map(backOffMs)).toEqual([
    100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000,
  ]);
});

describe('supervise', () => {
  test('starts again what was killed, and says so', async () => {
    const { supervised, said } = await superviseCode(lives);
    const before = supervised.pid!;
    process.kill(before, 'SIGKILL');
    await waitFor('another process', () => supervised.pid !== null && supervised.pid !== before);
    expect(said).toEqual(['was ended by SIGKILL; starting it again']);
  });

  test('says so when it keeps dying, and goes on trying', async () => {
    const { said } = await superviseCode('process.exit(3)');
    await waitFor('four deaths', () => said.length >= 4);
    expect(said.slice(0, 4)).toEqual([
      'ended with exit code 3; starting it again',
      'ended with exit code 3; starting it again',
      'ended with exit code 3, 3 times in a row now: it keeps dying; next start in 0.4 s',
      'ended with exit code 3, 4 times in a row now: it keeps dying; next start in 0.8 s',
    ]);
  });

  test('a stop while it waits for the next start is a stop', async () => {
    const { supervised, said } = await superviseCode('process.exit(3)');
    await waitFor('a death', () => said.length >= 3);
    await supervised.stop();
    expect(supervised.pid).toBeNull();
  });

  test('a stop ends it, and it stays ended', async () => {
    const { supervised, said } = await superviseCode(lives);
    const pid = supervised.pid;
    await supervised.stop();
    expect(isRunning(pid)).toBe(false);
    expect(supervised.pid).toBeNull();
    expect(said).toEqual([]);
  });

  test('what cannot be started the first time is an error, not a loop', async () => {
    await expect(
      supervise({
        name: 'nobody',
        start: () => startChild({ command: '/nowhere/nothing', args: [] }),
        say: () => {},
        changed: () => {},
      }),
    ).rejects.toThrow('ENOENT');
  });
});
