import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeOrchestrator, problemOf, sagaOf } from './fake-orchestrator.ts';
import { runCli } from './run-cli.ts';

const batchPath = '/v1/sagas/batch';
let fake: FakeOrchestrator;

beforeEach(async () => {
  fake = await FakeOrchestrator.start();
});
afterEach(() => fake.stop());

const rops = (argv: string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(argv, { url: fake.url, ...options });
const sentIds = (): string[] => [...fake.batches.values()].flat();

describe('create and delete', () => {
  test('send 0..99 as one batch, and exit 0 when all have completed', async () => {
    const { exitCode, stdout, stderr } = await rops(['create']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^100 completed in \d+\.\d s\n$/);
    expect(stderr).toBe('creating: 100 to do\ncreating: 100 of 100: 100 completed\n');
    expect(fake.posts(batchPath)).toHaveLength(1);
    expect(fake.posts(batchPath)[0]?.body.saga).toBe('create-group');
    expect(sentIds()).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));

    await rops(['delete', '5']);
    expect(fake.posts(batchPath)[1]?.body).toEqual({
      saga: 'delete-group',
      inputs: [{ groupId: '5' }],
    });
  });

  test('--json is one document with exactly these fields', async () => {
    const outcomes = ['completed', 'compensated', 'cancelled', 'stuck', 'resolved'] as const;
    fake.outcomeOf = (id) => outcomes[Number(id) - 1] ?? 'running';
    const { exitCode, stdout } = await rops(['create', '1..5', '--json']);
    const { seconds, ...counts } = JSON.parse(stdout);
    expect(counts).toEqual({ total: 5, completed: 1, compensated: 1, cancelled: 1, stuck: 1 });
    expect(seconds).toEqual(expect.any(Number));
    expect(stdout.split('\n')).toHaveLength(2);
    expect(exitCode).toBe(1);
  });

  test.each(['compensated', 'cancelled', 'resolved', 'stuck'] as const)(
    'exit 1 when one is %s',
    async (outcome) => {
      fake.outcomeOf = (id) => (id === '1' ? outcome : 'completed');
      const { exitCode, stdout } = await rops(['delete', '1..3']);
      expect(exitCode).toBe(1);
      expect(stdout).toContain(`2 completed, 1 ${outcome}`);
    },
  );

  test('wait until the last saga has ended or is stuck', async () => {
    let asked = 0;
    fake.intercept = ({ path }) => {
      if (path.startsWith('/v1/batches/')) asked++;
      return undefined;
    };
    fake.outcomeOf = (id) => (id === '2' && asked < 4 ? 'compensating' : 'completed');
    expect((await rops(['create', '1..3'])).exitCode).toBe(0);
    expect(asked).toBe(4);
  });

  test('what looks like a number, an option or nothing stays an id, wherever flags stand', async () => {
    await rops(['create', '--json', '007', '--no-wait', '', 'true', '1e3', '--', '-5', '--json']);
    expect(sentIds()).toEqual(['007', '', 'true', '1e3', '-5', '--json']);
  });

  test('bulk goes in chunks of 1,000, each id once, each chunk with a key of its own', async () => {
    const { exitCode, stdout } = await rops(['create', '1..4500', '4000..4999', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).total).toBe(4_999);
    expect(fake.posts(batchPath).map(({ body }) => body.inputs.length)).toEqual(
      expect.arrayContaining([1_000, 1_000, 1_000, 1_000, 999]),
    );
    expect(new Set(fake.posts(batchPath).map(({ idempotencyKey }) => idempotencyKey)).size).toBe(5);
    expect(new Set(sentIds()).size).toBe(4_999);
    expect(sentIds()).toHaveLength(4_999);
  });

  test('a chunk whose reply was lost is sent again with the same key and body, and counts once', async () => {
    let lost = 0;
    fake.intercept = ({ path }) => (path === batchPath && lost++ < 3 ? 'lose' : undefined);
    const { exitCode, stdout } = await rops(['create', '1..10', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).total).toBe(10);
    const posts = fake.posts(batchPath);
    expect(posts).toHaveLength(4);
    expect(posts[0]?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    for (const post of posts) expect(post).toEqual(posts[0]);
    expect(fake.batches.size).toBe(1);
  });

  test.each([408, 429, 502, 503, 504])(
    '%i is "not now": the same chunk comes again',
    async (status) => {
      let refused = 0;
      fake.intercept = ({ path }) =>
        path === batchPath && refused++ < 2
          ? { status, headers: { 'retry-after': '0' }, text: 'not now' }
          : undefined;
      expect((await rops(['create', '1'])).exitCode).toBe(0);
      expect(new Set(fake.posts(batchPath).map(({ idempotencyKey }) => idempotencyKey)).size).toBe(
        1,
      );
      expect(fake.posts(batchPath)).toHaveLength(3);
    },
  );

  describe('an orchestrator that is full (429)', () => {
    const full = {
      status: 429,
      headers: { 'retry-after': '0' },
      body: problemOf(429, { detail: 'active sagas: 9, and there may be 9', code: 'OVERLOADED' }),
    };

    test('is waited for beyond all patience; every id is sent once, each chunk under one key', async () => {
      const refused = new Map<string, number>();
      fake.intercept = ({ path, idempotencyKey = '' }) => {
        if (path !== batchPath) return undefined;
        const times = (refused.get(idempotencyKey) ?? 0) + 1;
        refused.set(idempotencyKey, times);
        return times <= 4 ? full : undefined;
      };
      const { exitCode, stdout, stderr } = await rops(['create', '1..2500', '--json'], {
        patienceMs: 50,
      });
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ total: 2_500, completed: 2_500 });
      expect(stderr.match(/waiting for room/g)).toHaveLength(1);
      expect(stderr).toContain('creating: waiting for room: active sagas: 9, and there may be 9\n');
      expect(refused.size).toBe(3);
      expect(sentIds().toSorted((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: 2_500 }, (_, index) => String(index + 1)),
      );
    });

    test('says so beside the bar of a terminal', async () => {
      let refused = 0;
      fake.intercept = ({ path }) => (path === batchPath && refused++ < 2 ? full : undefined);
      const { exitCode, stderr } = await rops(['create'], { isTTY: true, env: { NO_COLOR: '1' } });
      expect(exitCode).toBe(0);
      expect(stderr).toContain('waiting for room: active sagas: 9, and there may be 9\n');
    });

    test('Ctrl-C ends the waiting, and says how to come back to what was accepted', async () => {
      fake.intercept = ({ path, body }) =>
        path === batchPath && body.inputs.length < 1_000 ? full : undefined;
      fake.outcomeOf = () => 'running';
      const { exitCode, stderr } = await rops(['create', '1..1001'], {
        until: (output) => output.includes('waiting for room') && fake.batches.size === 1,
      });
      expect(exitCode).toBe(130);
      expect(stderr).toContain(
        '1000 of 1001 are accepted and go on; 1 not sent or not confirmed; to come back: rops wait',
      );
    });

    test('holds up a single saga as well, which says why', async () => {
      let refused = 0;
      fake.views = [sagaOf({})];
      fake.intercept = ({ path }) => (path === '/v1/sagas' && refused++ < 3 ? full : undefined);
      const { exitCode, stderr } = await rops(['create-one', '5'], { patienceMs: 50 });
      expect(exitCode).toBe(0);
      expect(stderr).toBe('waiting for room: active sagas: 9, and there may be 9\n');
      expect(new Set(fake.posts('/v1/sagas').map((post) => post.idempotencyKey)).size).toBe(1);
    });
  });

  test('the wait outlives lost replies and 503 as well', async () => {
    let asked = 0;
    fake.intercept = ({ path }) => {
      if (!path.startsWith('/v1/batches/')) return undefined;
      asked++;
      if (asked === 1) return 'lose';
      return asked === 2 ? { status: 503, text: 'away' } : undefined;
    };
    expect((await rops(['create', '1'])).exitCode).toBe(0);
  });

  test('past its patience: exit 3, the reason, and the way back to what was accepted', async () => {
    fake.intercept = ({ path, body }) =>
      path === batchPath && body.inputs.length < 1_000
        ? { status: 503, body: problemOf(503, { detail: 'Postgres is away', code: 'AWAY' }) }
        : undefined;
    fake.outcomeOf = () => 'running';
    const { exitCode, stdout, stderr } = await rops(['create', '1..1500', '--json'], {
      patienceMs: 300,
    });
    expect(exitCode).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain(
      '1000 of 1500 are accepted and go on; 500 not sent or not confirmed; to come back: rops wait batch-1',
    );
    expect(stderr).toMatch(/cannot serve now: Postgres is away\n$/);
  });

  test('bad input that the server finds: its detail and field, exit 2, not sent again', async () => {
    const body = problemOf(400, {
      detail: 'must not hold a NUL',
      code: 'BAD',
      field: 'inputs.0.groupId',
    });
    fake.intercept = ({ path }) => (path === batchPath ? { status: 400, body } : undefined);
    const { exitCode, stderr } = await rops(['create', 'x']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('rops: must not hold a NUL (field: inputs.0.groupId)\n');
    expect(fake.posts(batchPath)).toHaveLength(1);
  });

  test('--no-wait returns once all are accepted', async () => {
    fake.outcomeOf = () => 'running';
    const { exitCode, stdout } = await rops(['create', '1..1001', '--no-wait', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      batches: expect.arrayContaining(['batch-1', 'batch-2']),
      accepted: 1_001,
    });
    const words = await rops(['delete', '1', '--no-wait']);
    expect(words.stdout).toBe('1 saga accepted\nrops wait batch-3\n');
    expect(fake.received.some(({ method }) => method === 'GET')).toBe(false);
  });

  test('Ctrl-C leaves the sagas running, says how to come back, and exits 130', async () => {
    fake.outcomeOf = () => 'running';
    const { exitCode, stdout, stderr } = await rops(['create', '1..3'], {
      until: () => fake.received.some(({ method }) => method === 'GET'),
    });
    expect(exitCode).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/3 of 3 are accepted and go on; to come back: rops wait batch-1\n$/);
    const changes = fake.received.filter(({ method }) => method !== 'GET');
    expect(changes.map(({ path }) => path)).toEqual(['/v1/sagas/batch']);

    fake.outcomeOf = () => 'completed';
    expect((await rops(['wait', 'batch-1'])).stdout).toMatch(/^3 completed in/);
  });

  test('a terminal gets a bar on stderr, and stdout holds the result alone', async () => {
    const { stdout, stderr } = await rops(['create', '--json'], {
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect(stderr).toMatch(/creating █{24} 100\/100 {2}100 completed {2}\d+\/s/);
    expect(JSON.parse(stdout).completed).toBe(100);
  });
});

describe('wait', () => {
  test('counts several batches together', async () => {
    await rops(['create', '1..3', '--no-wait']);
    await rops(['create', '4', '--no-wait']);
    fake.outcomeOf = (id) => (id === '4' ? 'compensated' : 'completed');
    const { exitCode, stdout } = await rops(['wait', 'batch-1', 'batch-2', 'batch-1', '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ total: 4, completed: 3, compensated: 1 });
  });

  test('a batch that is not there: one line, exit 1', async () => {
    expect(await rops(['wait', 'nope'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'rops: there is no batch "nope"\n',
    });
  });
});
