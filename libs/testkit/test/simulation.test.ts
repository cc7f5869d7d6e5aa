import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import type { Tally } from '../src/simulation/tally.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A test that ran out of time leaves none behind. */
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

async function simulate(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'libs/testkit/src/simulation/main.ts', ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.add(child);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = await text(child.stdout);
  return { code: await closed, output };
}

test('P1 to P7 hold in 2,000 simulated runs, in which every fault has struck', async () => {
  const { code, output } = await simulate('--seeds', '2000', '--json');
  const { seeds, broken, missed } = JSON.parse(output) as Tally & { missed: string[] };
  expect({ code, seeds, broken, missed }).toEqual({
    code: 0,
    seeds: 2_000,
    broken: null,
    missed: [],
  });
}, 300_000);

test('a seed is one run: it comes out the same each time, step by step', async () => {
  const [first, second] = await Promise.all([simulate('--seed', '42'), simulate('--seed', '42')]);
  expect(first.code).toBe(0);
  expect(first.output.split('\n').length).toBeGreaterThan(100);
  expect(second.output).toBe(first.output);
}, 120_000);

test('what was typed wrong gets a line and the usage', async () => {
  expect((await simulate('--seed', 'seven')).code).toBe(2);
}, 120_000);
