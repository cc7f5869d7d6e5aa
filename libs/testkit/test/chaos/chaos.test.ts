import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { holdProcess, releaseProcess } from '@reliable-ops/local';

const checkout = fileURLToPath(new URL('../../../..', import.meta.url));

/** In a process of its own, as a person would run it: postgres.js may end a process whose Postgres goes. */
async function chaos(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'libs/testkit/src/chaos/main.ts', ...args],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  holdProcess(child.pid!, 'SIGKILL');
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  releaseProcess(child.pid!);
  return { code, output };
}

test('P1-P7: 20 s of chaos, and everything holds', async () => {
  const { code, output } = await chaos('--seed', '42', '--seconds', '20');
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringContaining('everything holds'),
  });
}, 120_000);

test('what a person typed wrong is one line', async () => {
  const { code, output } = await chaos('--seconds', 'soon');
  expect({ code, output }).toEqual({
    code: 2,
    output: '--seconds soon: must be a whole number from 5 to 3600\n',
  });
});
