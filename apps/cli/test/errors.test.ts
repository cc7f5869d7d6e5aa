import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTransport } from '../../../libs/client/src/transport.ts';
import { FakeOrchestrator, problemOf } from './fake-orchestrator.ts';
import { runCli } from './run-cli.ts';

let fake: FakeOrchestrator;
let nobody: string;

beforeAll(async () => {
  fake = await FakeOrchestrator.start();
  const gone = await FakeOrchestrator.start();
  nobody = gone.url;
  await gone.stop();
});
afterAll(() => fake.stop());
beforeEach(() => {
  fake.received.length = 0;
  fake.intercept = () => undefined;
});

describe('what is typed wrong is one line and exit 2, before anything is sent', () => {
  test.each([
    [['frobnicate'], 'unknown command "frobnicate"'],
    [[''], 'unknown command ""'],
    [['toString'], 'unknown command "toString"'],
    [['create', '--frob'], 'unknown option --frob'],
    [['create', '-5'], 'unknown option -5'],
    [['create', '--__proto__'], 'unknown option --__proto__'],
    [['create', '--limit', '5'], 'unknown option "--limit"'],
    [['stats', '--no-wait'], 'unknown option "--no-wait"'],
    [['create', '9..1'], 'runs backwards'],
    [['create', '1..'], 'is no range'],
    [['create', '0..99999999999'], '10000000 at most'],
    [['create', 'x'.repeat(513)], '513 characters'],
    [['create-one', 'x'.repeat(513)], '513 characters'],
    [['create-one'], 'missing required args'],
    [['create-one', 'a', '007'], 'unused args: "007"'],
    [['stats', 'now'], 'unused args: "now"'],
    [['wait'], 'missing required args'],
    [['list', '--status', 'stuck'], 'queued, running, compensating, completed'],
    [['list', '--status', 'Completed'], '--status Completed is none of'],
    [['list', '--limit', '0'], '--limit 0 is no whole number from 1 to'],
    [['list', '--limit', '1e3'], '--limit 1e3'],
    [['list', '--limit', '0x10'], '--limit 0x10'],
    [['list', '--limit', ''], '--limit needs a value'],
    [['list', '--key'], '--key needs a value'],
    [['list', '--key', '--json'], '--key needs a value'],
    [['list', '--key', 'a', '--key', 'b'], '--key is given twice'],
    [['stats', '--json=false'], '--json takes no value'],
    [['stats', '--url', 'localhost:3000'], '"localhost:3000" is no URL'],
    [['stats', '--url', 'http://u:p@127.0.0.1'], 'not into the URL'],
    [['stats', '--token', 'a\nb'], 'printable ASCII'],
  ])('%j', async (argv, words) => {
    const { exitCode, stdout, stderr } = await runCli(argv, { url: fake.url });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^rops: .*\n$/);
    expect(stderr).toContain(words);
    expect(fake.received).toEqual([]);
  });
});

describe('help', () => {
  test('is what rops without a command prints, and each command has its own with examples', async () => {
    const bare = await runCli([]);
    expect(bare.exitCode).toBe(0);
    expect(await runCli(['--help'])).toEqual(bare);
    const [, list = ''] = /Commands:\n(.*?)\n\n/s.exec(bare.stdout) ?? [];
    const names = list.split('\n').map((line) => line.trim().split(' ')[0] ?? '');
    expect(names).toEqual(expect.arrayContaining(['create', 'delete-one', 'watch', 'status']));
    for (const name of names) {
      const { exitCode, stdout } = await runCli([name, '--help']);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`Examples:\n  rops ${name}`);
      expect(await runCli(['help', name])).toEqual({ exitCode, stdout, stderr: '' });
    }
  });

  test('--version', async () => {
    expect((await runCli(['--version'])).stdout).toMatch(/^rops \d+\.\d+\.\d+\n$/);
  });
});

describe('an orchestrator that is not there, or is none', () => {
  test.each([
    ['stats'],
    ['create'],
    ['create-one', '5'],
    ['watch'],
    ['wait', 'b'],
    ['status'],
    ['list'],
  ])('%s: exit 3 at once, with the line that helps', async (...argv) => {
    const { exitCode, stdout, stderr } = await runCli([...argv, '--json', '--url', nobody]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toContain(
      `rops: no orchestrator at ${nobody} (connection refused): start one with \`npm start\`, or give --url\n`,
    );
  });

  test('401 names the token', async () => {
    fake.intercept = ({ authorization }) =>
      authorization === 'Bearer secret' ? undefined : { status: 401, text: '' };
    const without = await runCli(['stats'], { url: fake.url });
    expect(without.exitCode).toBe(3);
    expect(without.stderr).toContain('wants a token: give --token or ROPS_TOKEN');
    const wrong = await runCli(['create', '--token', 'other'], { url: fake.url });
    expect(wrong.exitCode).toBe(3);
    expect(wrong.stderr).toContain('does not know this token');
    const env = { ROPS_TOKEN: 'secret' };
    expect((await runCli(['stats'], { url: fake.url, env })).exitCode).toBe(0);
    expect((await runCli(['stats', '--token', 'other'], { url: fake.url, env })).exitCode).toBe(3);
  });

  test.each([
    [
      'a page of something else',
      { status: 200, text: '<html>' },
      'did not answer as an orchestrator',
    ],
    ['other JSON', { status: 200, text: '{"nodes":{}}' }, '(consistent: '],
    ['a bare 404', { status: 404, text: 'not found' }, 'answered 404 without a reason'],
    ['a redirect', { status: 302, headers: { location: '/login' }, text: '' }, 'answered 302'],
    ['a bare 500', { status: 500, text: '' }, 'answered 500'],
  ])('%s: exit 3, naming the URL', async (_what, reply, words) => {
    fake.intercept = () => reply;
    const { exitCode, stdout, stderr } = await runCli(['stats'], { url: fake.url });
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(/^rops: .*\n$/);
    expect(stderr).toContain(`${fake.url}/v1/cluster`);
    expect(stderr).toContain(words);
  });

  test('a refusal of another kind: its detail, exit 1', async () => {
    const body = problemOf(409, { detail: 'not\u001b[2J now', code: 'CONFLICT' });
    fake.intercept = () => ({ status: 409, body });
    const { exitCode, stderr } = await runCli(['stats'], { url: fake.url });
    expect(exitCode).toBe(1);
    expect(stderr).toBe('rops: not\\x1b[2J now\n');
  });
});

describe('the address', () => {
  test('is --url, else ROPS_URL, else what the nearest .local/stack.json names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rops-'));
    try {
      const cwd = join(folder, 'a', 'b');
      await mkdir(cwd, { recursive: true });
      for (const [place, url] of [
        [folder, fake.url],
        [join(folder, 'a'), null],
      ] as const) {
        await mkdir(join(place, '.local'));
        await writeFile(
          join(place, '.local', 'stack.json'),
          JSON.stringify({ processes: [{ name: 'orchestrator', pid: 1, url }] }),
        );
      }
      await mkdir(join(cwd, '.local'));
      await writeFile(join(cwd, '.local', 'stack.json'), '{"half');
      expect((await runCli(['stats'], { cwd })).exitCode).toBe(0);
      const other = await runCli(['stats'], { cwd, env: { ROPS_URL: nobody } });
      expect(other.exitCode).toBe(3);
      expect(other.stderr).toContain(`${nobody} from ROPS_URL`);
      const given = await runCli(['stats', '--url', fake.url], { cwd, env: { ROPS_URL: nobody } });
      expect(given.exitCode).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('may hold a path, as behind a proxy', async () => {
    fake.intercept = ({ path }) =>
      path === '/ops/v1/cluster' ? { status: 200, body: fake.cluster } : { status: 404, text: '' };
    expect((await runCli(['stats', '--url', `${fake.url}/ops`])).exitCode).toBe(0);
  });
});

test('no answer in time counts as a lost reply: the same call comes again', async () => {
  let asked = 0;
  fake.intercept = () => (asked++ === 0 ? 'hang' : undefined);
  const send = createTransport(
    { url: `${fake.url}/`, source: '', token: undefined },
    { signal: new AbortController().signal, patienceMs: 10_000, timeoutMs: 100 },
  );
  const answer = await send({ path: 'v1/sagas', body: {}, idempotencyKey: 'k' });
  expect(answer.status).toBe(202);
  expect(fake.posts('/v1/sagas').map(({ idempotencyKey }) => idempotencyKey)).toEqual(['k', 'k']);
});
