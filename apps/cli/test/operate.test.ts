import { hostname, userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeOrchestrator, problemOf, sagaOf, type Received } from './fake-orchestrator.ts';
import { runCli } from './run-cli.ts';

let fake: FakeOrchestrator;
beforeEach(async () => {
  fake = await FakeOrchestrator.start();
});
afterEach(() => fake.stop());

const rops = (argv: string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(argv, { url: fake.url, ...options });
/** Answers calls of `path` with `body`; others as usual. */
const answer = (
  path: string,
  body: unknown | ((request: Received) => unknown),
  status = 200,
): void => {
  const before = fake.intercept;
  fake.intercept = (request) =>
    request.path === path
      ? { status, body: typeof body === 'function' ? body(request) : body }
      : before(request);
};
const me = `${userInfo().username}@${hostname()}`;
const off = { error: 0, lostReply: 0, delayMs: 0, reset: 0, down: false, seed: null };

describe('cancel, retry, resolve', () => {
  test('send ids as typed, ranges included, with who and why; exit 0 when all are done or begun', async () => {
    answer('/v1/sagas/cancel', ({ body }: Received) => ({
      sagas: body.ids.map((id: string) => ({
        id,
        result: id === '7' ? 'done' : 'begun',
        reason: null,
      })),
    }));
    const { exitCode, stdout } = await rops(['cancel', '7', '12..14', '--note', 'wrong list']);
    expect([exitCode, stdout]).toEqual([0, '1 saga cancelled, 3 sagas being taken back\n']);
    expect(fake.posts('/v1/sagas/cancel')[0]?.body).toEqual({
      ids: ['7', '12', '13', '14'],
      by: me,
      note: 'wrong list',
    });
  });

  test('one that is refused or not there is a line each, and exit 1', async () => {
    answer('/v1/sagas/retry', {
      sagas: [
        { id: '1', result: 'begun', reason: null },
        { id: '2', result: 'refused', reason: 'saga 2 does not wait: its steps are under way' },
        { id: '3', result: 'unknown', reason: null },
      ],
    });
    expect(await rops(['retry', '1..3', '--by', 'bob'])).toMatchObject({
      exitCode: 1,
      stdout: [
        'saga 2 does not wait: its steps are under way',
        'there is no saga 3',
        '1 saga tried again now, 2 sagas left as they are',
        '',
      ].join('\n'),
    });
    expect(fake.posts('/v1/sagas/retry')[0]?.body.by).toBe('bob');
    const json = await rops(['retry', '1..3', '--json']);
    expect([json.exitCode, JSON.parse(json.stdout)]).toMatchObject([
      1,
      [{ result: 'begun' }, {}, {}],
    ]);
  });

  test('many go in parts that the orchestrator takes, and a lost reply is asked for again', async () => {
    let lost = 0;
    fake.intercept = (request) => {
      if (request.path !== '/v1/sagas/resolve') return undefined;
      if (lost++ === 0) return 'lose';
      const sagas = request.body.ids.map((id: string) => ({ id, result: 'done', reason: null }));
      return { status: 200, body: { sagas } };
    };
    const { exitCode, stdout } = await rops(['resolve', '1..2500', '--note', 'by hand']);
    expect([exitCode, stdout]).toEqual([0, '2,500 sagas resolved\n']);
    expect(fake.posts('/v1/sagas/resolve').map(({ body }) => body.ids.length)).toEqual([
      1_000, 1_000, 1_000, 500,
    ]);
  });

  test('--all-stuck tells how many come forward, and how fast', async () => {
    answer('/v1/stuck/retry', { sagas: 412, hastened: 400, seconds: 21 }, 202);
    const { exitCode, stdout } = await rops(['retry', '--all-stuck', '--per-second', '20']);
    expect([exitCode, stdout]).toEqual([
      0,
      '412 sagas stuck: 400 of them brought forward, over 21 seconds\n',
    ]);
    expect(fake.posts('/v1/stuck/retry')[0]?.body).toEqual({ by: me, perSecond: 20 });
  });

  test.each([
    [['resolve', '1'], 'resolve needs --note'],
    [['resolve', '1', '--note', ' '], 'resolve needs --note'],
    [['cancel', 'group:5'], '"group:5" is no saga\'s id'],
    [['cancel'], 'missing required args'],
    [['retry'], 'retry which?'],
    [['retry', '1', '--all-stuck'], 'not both'],
    [['retry', '1', '--per-second', '5'], 'goes with --all-stuck'],
    [['retry', '--all-stuck', '--per-second', '0'], '--per-second 0 is no whole number from 1 to'],
    [['cancel', '1', '--note', 'x'.repeat(2_001)], '--note has 2001 characters'],
    [['list', '--down'], 'unknown option'],
    [['faults', 'node02', '--error', '1.5'], '--error 1.5 is no probability from 0 to 1'],
    [['faults', 'node02', '--lost-reply', 'x'], '--lost-reply x is no probability from 0 to 1'],
    [['faults', 'node02', '--delay', '2'], '--delay 2 is no time from 0s to 10m'],
    [['faults', 'node02', '--delay', '11m'], '--delay 11m is no time from 0s to 10m'],
    [['faults', 'node02', '--seed', '1.5'], '--seed 1.5 is no whole number'],
    [['faults', '--error', '0.5'], 'faults of which node?'],
    [['faults', 'node02', '--clear', '--down'], '--clear goes without'],
  ])('%j is a usage error, and nothing is sent', async (argv, reason) => {
    const { exitCode, stderr } = await rops(argv);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(reason)]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(fake.received).toEqual([]);
  });
});

describe('pause and resume', () => {
  const view = (active: number | null, change: object = {}) => ({
    name: 'node02',
    paused: { by: me, at: '2026-11-25T10:00:00.000Z', note: null },
    jobs: active === null ? null : { waiting: 5, active, delayed: 0 },
    ...change,
  });

  test('pause ends when nothing is under way on the node any more', async () => {
    answer('/v1/participants/node02/pause', view(2, { told: true }));
    let left = 2;
    answer('/v1/participants', () => ({ participants: [view(--left)] }));
    const { exitCode, stdout } = await rops(['pause', 'node02', '--note', 'new disk']);
    expect([exitCode, stdout.split('\n')]).toEqual([
      0,
      [
        `node02 is paused since 2026-11-25T10:00:00.000Z (${me})`,
        'nothing is under way on node02',
        '',
      ],
    ]);
    expect(left).toBe(0);
    expect(fake.posts('/v1/participants/node02/pause')[0]?.body).toEqual({
      by: me,
      note: 'new disk',
    });
  });

  test('with Redis away the pause stands, and exit 1 says that what is under way is not known', async () => {
    answer('/v1/participants/node02/pause', view(null, { told: false }));
    const { exitCode, stderr } = await rops(['pause', 'node02']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('as soon as it is back');
    expect(stderr).toContain('is not known');
  });

  test('resume; and a node that is not there is one line', async () => {
    answer('/v1/participants/node02/resume', view(0, { paused: null, told: true }));
    expect(await rops(['resume', 'node02'])).toMatchObject({
      exitCode: 0,
      stdout: 'node02 is not paused\n',
    });
    const detail = 'there is no participant "node09": there are node01';
    answer('/v1/participants/node09/pause', problemOf(404, { detail, code: 'NOT_FOUND' }), 404);
    expect(await rops(['pause', 'node09'])).toMatchObject({
      exitCode: 1,
      stderr: `rops: ${detail}\n`,
    });
  });

  test('status shows paused nodes', async () => {
    fake.status = { ...(fake.status as object), paused: ['node02', 'node03'] };
    expect((await rops(['status'])).stdout).toMatch(/^paused +node02, node03$/m);
  });
});

describe('list --stuck and show', () => {
  test('causes come first, grouped', async () => {
    const {
      steps: _s,
      fence: _f,
      deadlineAt: _d,
      history: _h,
      ...summary
    } = sagaOf({
      status: 'compensating',
      stuck: true,
      endedAt: null,
    });
    fake.sagas = [summary];
    answer('/v1/stuck', {
      sagas: 412,
      causes: [{ participant: 'node02', error: 'connect ECONNREFUSED', sagas: 412 }],
    });
    const { exitCode, stdout } = await rops(['list', '--stuck']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[0]).toBe('412 sagas: node02 connect ECONNREFUSED');
    expect(stdout).toContain('compensating, stuck');
    expect(fake.received[0]?.query.get('stuck')).toBe('true');
    const json = JSON.parse((await rops(['list', '--stuck', '--json'])).stdout);
    expect(json).toMatchObject({ stuck: 412, causes: [{ participant: 'node02' }], sagas: [{}] });
  });

  test('show tells what operators did, and what they wrote cannot reach the terminal', async () => {
    fake.views = [
      sagaOf({
        history: [
          { at: '2026-11-25T10:00:00.000Z', verb: 'retry', by: 'bob', note: null },
          { at: '2026-11-25T10:01:00.000Z', verb: 'resolve', by: 'ann', note: 'by \u001b[31mhand' },
        ],
      }),
    ];
    const { stdout } = await rops(['show', 'saga-1']);
    expect(stdout).toMatch(/^retry +2026-11-25T10:00:00.000Z by bob$/m);
    expect(stdout).toMatch(/^resolve +2026-11-25T10:01:00.000Z by ann: by \\x1b\[31mhand$/m);
  });
});

describe('faults', () => {
  const all = { node01: off, node02: { ...off, error: 0.5, delayMs: 2_000, down: true, seed: 7 } };

  test('every flag is sent in the unit of the contract, and what is not given is off', async () => {
    answer('/v1/faults/node02', ({ body }: Received) => body);
    answer('/v1/faults', all);
    const argv =
      'faults node02 --error 0.5 --lost-reply .1 --delay 2s --reset 0.05 --down --seed 7';
    const { exitCode, stdout } = await rops(argv.split(' '));
    expect(exitCode).toBe(0);
    expect(fake.received[0]).toMatchObject({
      method: 'PUT',
      path: '/v1/faults/node02',
      body: { error: 0.5, lostReply: 0.1, delayMs: 2_000, reset: 0.05, down: true, seed: 7 },
    });
    expect(stdout).toMatch(/^node02 +0.5 +2000 ms +down +7$/m);
    expect(stdout).not.toContain('node01');
  });

  test('--clear: all nodes, or those named', async () => {
    answer('/v1/faults', all);
    for (const node of Object.keys(all)) answer(`/v1/faults/${node}`, ({ body }: Received) => body);
    await rops(['faults', '--clear']);
    await rops(['faults', '--clear', 'node02']);
    const puts = fake.received.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ path, body }) => [path, body])).toEqual(
      ['node01', 'node02', 'node02'].map((node) => [`/v1/faults/${node}`, off]),
    );
  });

  test('a cluster that makes none is one line, exit 1', async () => {
    const detail = 'this cluster makes no faults on purpose';
    answer('/v1/faults', problemOf(404, { detail, code: 'NO_FAULTS' }), 404);
    expect(await rops(['faults'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `rops: ${detail}\n`,
    });
  });
});

test.each(['cancel', 'retry', 'resolve', 'pause', 'resume', 'faults'])(
  'help of %s has its options and examples',
  async (command) => {
    const { exitCode, stdout } = await rops([command, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Examples:\n  rops ${command}`);
  },
);
