import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { limits } from '@reliable-ops/contracts';
import { FakeOrchestrator, sagaOf } from './fake-orchestrator.ts';

const bin = fileURLToPath(new URL('../bin/rops.mjs', import.meta.url));
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

let fake: FakeOrchestrator;
const children: ChildProcess[] = [];

beforeEach(async () => {
  fake = await FakeOrchestrator.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await fake.stop();
});

function start(...argv: string[]) {
  const child = spawn(process.execPath, argv, {
    cwd: root,
    env: { ...process.env, ROPS_URL: fake.url, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (part) => (output.stdout += part));
  child.stderr.on('data', (part) => (output.stderr += part));
  const ended = once(child, 'close').then(([exitCode]) => ({ exitCode, ...output }));
  return { child, ended };
}

describe('the process', () => {
  test('exits with the code of the command, from the binary and from main.ts alike', async () => {
    const [usage, done] = await Promise.all([
      start(bin, 'create', '9..1').ended,
      start('--import', 'tsx', main, 'stats', '--json').ended,
    ]);
    expect(usage).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'rops: "9..1" runs backwards: write 1..9\n',
    });
    expect(done).toEqual({
      exitCode: 0,
      stdout: '[true,{"node01":1,"node02":1,"node03":1}]\n',
      stderr: '',
    });
  });

  test('Ctrl-C: 130 and the way back for create, 0 for watch', async () => {
    fake.outcomeOf = () => 'running';
    const create = start(bin, 'create', '1..3');
    const watch = start(bin, 'watch', '--json');
    await once(watch.child.stdout, 'data');
    watch.child.kill('SIGINT');
    expect(await watch.ended).toMatchObject({ exitCode: 0, stderr: '' });

    while (!fake.received.some(({ path }) => path.startsWith('/v1/batches/'))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    create.child.kill('SIGINT');
    const { exitCode, stderr } = await create.ended;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/to come back: rops wait batch-1\n$/);
  });

  test('a result that is long and read slowly is all there', async () => {
    fake.sagas = Array.from({ length: 2_000 }, (_, index) => ({
      ...sagaOf({ id: String(index) }),
    }));
    const { child, ended } = start(bin, 'list', '--limit', '2000', '--json');
    child.stdout.pause();
    while (fake.received.length < 2_000 / limits.pageSagas)
      await new Promise((resolve) => setImmediate(resolve));
    child.stdout.resume();
    const { exitCode, stdout } = await ended;
    expect([exitCode, (JSON.parse(stdout) as unknown[]).length]).toEqual([0, 2_000]);
  });

  (existsSync('/dev/full') ? test : test.skip)('a full disk is an error, and said', async () => {
    const child = spawn('sh', ['-c', `"$0" "$1" stats > /dev/full`, process.execPath, bin], {
      env: { ...process.env, ROPS_URL: fake.url, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    const [[exitCode], stderr] = await Promise.all([
      once(child, 'close'),
      child.stderr!.setEncoding('utf8').toArray(),
    ]);
    expect(exitCode).toBe(1);
    expect(stderr.join('')).toMatch(/^rops: cannot write the result: ENOSPC.*\n$/);
  });

  test('a closed stdout ends it quietly', async () => {
    const { child, ended } = start(bin, 'watch', '--json');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await ended).toMatchObject({ exitCode: 0, stderr: '' });
  });
});
