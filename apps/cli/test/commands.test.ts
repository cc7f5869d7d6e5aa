import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AttemptView } from '@reliable-ops/contracts';
import { FakeOrchestrator, sagaOf, stepOf } from './fake-orchestrator.ts';
import { runCli } from './run-cli.ts';

let fake: FakeOrchestrator;

beforeEach(async () => {
  fake = await FakeOrchestrator.start();
});
afterEach(() => fake.stop());

const rops = (argv: string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(argv, { url: fake.url, ...options });

const attempt = (second: number, change: Partial<AttemptView> = {}): AttemptView => ({
  phase: 'action',
  number: 1,
  startedAt: `2026-11-24T08:00:0${second}.000Z`,
  endedAt: `2026-11-24T08:00:0${second}.500Z`,
  result: 'applied',
  detail: 'created',
  ...change,
});

const summaries = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const view = sagaOf({});
    const { steps: _steps, fence: _fence, deadlineAt: _deadline, history: _h, ...summary } = view;
    return { ...summary, id: `saga-${index}` };
  });

const lines = (text: string): string[] => text.split('\n').slice(0, -1);

describe('create-one and delete-one', () => {
  test('print each attempt once, as it happens, and then the end', async () => {
    const first = attempt(1, { result: 'unknown', detail: '408 Timeout due to Random Behavior' });
    const second = attempt(2, { number: 2 });
    const undo = attempt(3, { phase: 'compensation', detail: 'restored' });
    const running = { status: 'running', endedAt: null } as const;
    fake.views = [
      sagaOf({ ...running, steps: [stepOf('node01', []), stepOf('node02', [])] }),
      sagaOf({ ...running, steps: [stepOf('node01', [first]), stepOf('node02', [])] }),
      sagaOf({ ...running, steps: [stepOf('node01', [first, second]), stepOf('node02', [])] }),
      sagaOf({
        status: 'compensated',
        error: 'node02 said no',
        steps: [
          stepOf('node01', [first, second, undo]),
          stepOf('node02', [attempt(1, { result: 'rejected', detail: '400 \u001b[31mno' })]),
        ],
      }),
    ];
    const { exitCode, stdout } = await rops(['create-one', '007']);
    expect(stdout.split('\n')).toEqual([
      'node01  action    attempt 1  unknown  408 Timeout due to Random Behavior',
      'node01  action    attempt 2  applied  created',
      'node02  action    attempt 1  rejected  400 \\x1b[31mno',
      'node01  rollback  attempt 1  applied  restored',
      'compensated: node02 said no (1.0 s, saga saga-1)',
      '',
    ]);
    expect(exitCode).toBe(1);
    const [post] = fake.posts('/v1/sagas');
    expect(post?.body).toEqual({ saga: 'create-group', input: { groupId: '007' } });
    expect(post?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('--json is the saga as it ended', async () => {
    const end = sagaOf({ steps: [stepOf('node01', [attempt(1)])] });
    fake.views = [sagaOf({ status: 'running' }), end];
    const { exitCode, stdout } = await rops(['delete-one', '1..3', '--json']);
    expect(JSON.parse(stdout)).toEqual(end);
    expect(exitCode).toBe(0);
    expect(fake.posts('/v1/sagas')[0]?.body).toEqual({
      saga: 'delete-group',
      input: { groupId: '1..3' },
    });
  });

  test('a lost reply is sent again with the same key', async () => {
    let lost = 0;
    fake.intercept = ({ method }) => (method === 'POST' && lost++ === 0 ? 'lose' : undefined);
    fake.views = [sagaOf({})];
    expect((await rops(['create-one', '5'])).exitCode).toBe(0);
    const [first, second, ...more] = fake.posts('/v1/sagas');
    expect(second).toEqual(first);
    expect(more).toEqual([]);
  });

  test('end when the saga is stuck, and leave it running on Ctrl-C', async () => {
    fake.views = [sagaOf({ status: 'compensating', stuck: true, endedAt: null })];
    expect(await rops(['create-one', '5'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('compensating, stuck'),
    });
    fake.views = [
      sagaOf({ status: 'running', endedAt: null, steps: [stepOf('node01', [attempt(1)])] }),
    ];
    const { exitCode, stderr } = await rops(['create-one', '5'], { until: () => true });
    expect(exitCode).toBe(130);
    expect(stderr).toBe('the saga is accepted and goes on; to come back: rops show saga-1\n');
  });
});

describe('stats', () => {
  test.each([
    [true, 0, { node01: 100, node02: 100 }],
    [false, 1, { node01: 100, node02: 99 }],
    [null, 1, { node01: 100, node02: null }],
  ])(
    'consistent %p: exit %i, and --json as the original had it',
    async (consistent, code, nodes) => {
      fake.cluster = { consistent, nodes };
      const json = await rops(['stats', '--json']);
      expect(json.exitCode).toBe(code);
      expect(json.stdout).toBe(`${JSON.stringify([consistent, nodes])}\n`);
      const words = await rops(['stats']);
      expect(words.exitCode).toBe(code);
      expect(words.stdout).toMatch(/^node {4}groups\nnode01 {2}100\nnode02 {2}/);
    },
  );
});

describe('show', () => {
  test('prints the attempts of all steps in order of time', async () => {
    fake.views = [
      sagaOf({
        steps: [
          stepOf('node01', [attempt(1), attempt(4, { phase: 'compensation' })]),
          stepOf('node02', [attempt(2, { result: 'unknown', detail: null })]),
        ],
      }),
    ];
    const { exitCode, stdout } = await rops(['show', 'saga-1']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/saga +create-group v1, saga-1\nkey +group:5\nstatus +completed\n/);
    expect(stdout).toMatch(/node01 +action.*\n.*node02 +action.*unknown\n.*node01 +rollback/);
    const json = await rops(['show', 'saga-1', '--json']);
    expect(JSON.parse(json.stdout)).toEqual(fake.views[0]);
  });

  test.each(['nope', '', '.', '..', 'a/b?c'])('"%s" is not there: one line, exit 1', async (id) => {
    expect(await rops(['show', id])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `rops: there is no saga "${id}"\n`,
    });
  });
});

describe('list', () => {
  test('shows 20 unless told otherwise, and follows the cursor up to --limit', async () => {
    fake.sagas = summaries(2_500);
    const some = await rops(['list']);
    expect(some.stdout.trimEnd().split('\n')).toHaveLength(21);
    const many = await rops(['list', '--limit', '2100', '--json']);
    expect(JSON.parse(many.stdout)).toEqual(fake.sagas.slice(0, 2_100));
    expect(fake.received.slice(1).map(({ query }) => query.get('limit'))).toEqual([
      '1000',
      '1000',
      '100',
    ]);
  });

  test('a key stays as typed', async () => {
    const { stderr, exitCode } = await rops(['list', '--key', '007', '--status', 'completed']);
    expect(fake.received[0]?.query.get('key')).toBe('007');
    expect(fake.received[0]?.query.get('status')).toBe('completed');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('group:5');
    await rops(['list', '--key=group: A']);
    expect(fake.received[1]?.query.get('key')).toBe('group: A');
  });
});

describe('status', () => {
  test('exit 0 when all is reached, 1 when something behind the orchestrator is not', async () => {
    const all = await rops(['status']);
    expect(all.exitCode).toBe(0);
    expect(all.stdout).toMatch(/postgres +18\.4, 2 of 2 migrations\nredis +7\.0\.15\n/);
    expect(all.stdout).toMatch(/node01 +1 +2 +3\n$/);
    fake.status = { ...(fake.status as object), redis: null, queues: null };
    const some = await rops(['status']);
    expect(some.exitCode).toBe(1);
    expect(some.stdout).toMatch(/redis +not reachable\n/);
    const json = await rops(['status', '--json']);
    expect(JSON.parse(json.stdout)).toEqual(fake.status);
    expect(json.exitCode).toBe(1);
  });
});

describe('watch', () => {
  test('--json is a line per look, and Ctrl-C ends it with exit 0', async () => {
    const { exitCode, stdout } = await rops(['watch', '--json'], {
      until: (output) => lines(output).length >= 2,
    });
    expect(exitCode).toBe(0);
    for (const line of lines(stdout)) {
      expect(JSON.parse(line)).toEqual({
        at: expect.any(String),
        cluster: fake.cluster,
        sagas: { queued: 4, running: 3, compensating: 2, stuck: 1 },
        endedPerSecond: null,
      });
    }
  });

  test('says how many sagas end a second, and how many are active', async () => {
    fake.endedEach250Ms = 5;
    const { stdout } = await rops(['watch', '--json'], {
      until: (output) => /"endedPerSecond":[1-9]/.test(output),
    });
    const rates = lines(stdout).map((line) => JSON.parse(line).endedPerSecond);
    expect(rates[0]).toBe(null); // no time has passed yet
    expect(rates.at(-1)).toBeGreaterThan(0);
    const drawn = await rops(['watch'], {
      isTTY: true,
      until: (output) => /[1-9]\d* ended\/s/.test(output),
    });
    expect(drawn.stdout).toContain('9 active, ');
  });

  test('goes on while the orchestrator is away', async () => {
    let clusters = 0;
    fake.intercept = ({ path }) =>
      path === '/v1/cluster' && ++clusters === 2 ? 'lose' : undefined;
    const { exitCode, stdout } = await rops(['watch'], {
      until: (output) => lines(output).length >= 3,
    });
    expect(exitCode).toBe(0);
    const [first, second, third] = lines(stdout);
    expect(first).toContain('node01 1, node02 1, node03 1, consistent; sagas: 4 queued');
    expect(second).toContain('nodes: not known; sagas: 4 queued');
    expect(third).toContain('node01 1');
  });

  test('a terminal is redrawn in place', async () => {
    const { stdout } = await rops(['watch'], {
      isTTY: true,
      until: (output) => output.split('Ctrl-C ends').length > 2,
    });
    expect(stdout).toContain('\u001b[5A');
  });
});
