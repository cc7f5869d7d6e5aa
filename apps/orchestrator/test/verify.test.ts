import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { reconcileLine, verifyLine } from '@reliable-ops/contracts';
import type { Verification } from '@reliable-ops/connector';
import { problemOf, startApi, until, type Api } from './fixture.ts';
import { useBackends } from './use-api.ts';

const backends = useBackends();
let api: Api;
let closing: AbortController;
/** What a run goes through: it waits where a test wants it to. */
let events: (signal: AbortSignal) => Verification['events'];
let running: number;

beforeEach(() => {
  closing = new AbortController();
  running = 0;
  events = async function* () {
    yield* [];
  };
  api = startApi(backends, {
    closing: closing.signal,
    verify: (signal) => ({
      counts: { sagas: 3, groups: 2, inFlight: 1 },
      unreachable: [],
      events: (async function* () {
        running++;
        try {
          yield* events(signal);
        } finally {
          running--;
        }
      })(),
    }),
  });
});
afterEach(() => api[Symbol.asyncDispose]());

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
const waitForAbort = async function* (signal: AbortSignal): Verification['events'] {
  yield await untilAborted(signal);
};
const linesOf = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => verifyLine.parse(JSON.parse(line)));
const finding = {
  promise: 'P2' as const,
  key: 'group:5',
  node: null,
  expected: 'one command',
  found: 'none',
  sagaId: '5',
};

describe('GET /v1/verify', () => {
  const begin = async (): Promise<Response> =>
    api.app.request('http://localhost/v1/verify', { headers: { host: 'localhost:3000' } });

  test('is a line a finding and a summary, as NDJSON', async () => {
    events = async function* () {
      yield { type: 'finding', finding };
    };
    const { status, headers, text } = await api.send('GET', '/v1/verify');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(linesOf(text)).toEqual([
      { type: 'finding', ...finding },
      {
        type: 'summary',
        consistent: false,
        sagas: 3,
        groups: 2,
        inFlight: 1,
        findings: 1,
        unreachable: [],
        seconds: expect.any(Number),
      },
    ]);
  });

  test('says something while nothing is found, and ends with the server', async () => {
    events = waitForAbort;
    const { body } = await begin();
    const texts: string[] = [];
    for await (const chunk of body!) {
      texts.push(new TextDecoder().decode(chunk));
      closing.abort();
    }
    const lines = linesOf(texts.join(''));
    expect(lines[0]).toEqual({ type: 'progress', sagas: 3, groups: 2 });
    expect(lines.at(-1)).toMatchObject({ type: 'failed', code: 'STOPPING' });
    expect(running).toBe(0);
  });

  test('two at once, a third is asked to come again; a client that leaves makes room', async () => {
    events = waitForAbort;
    const [first] = await Promise.all([begin(), begin()]);
    const busy = await api.send('GET', '/v1/verify');
    expect(problemOf(busy)).toMatchObject({ status: 503, code: 'VERIFY_BUSY' });
    await first!.body!.cancel();
    await until(() => running === 1);
    events = async function* () {
      yield* [];
    };
    expect((await api.send('GET', '/v1/verify')).status).toBe(200);
    closing.abort();
    await until(() => running === 0);
  });

  test('HEAD begins no run', async () => {
    events = waitForAbort;
    for (let n = 0; n < 3; n++) expect((await api.send('HEAD', '/v1/verify')).status).toBe(200);
    expect(running).toBe(0);
  });

  test('what fails at once is a problem; what fails on the way is the last line', async () => {
    const away = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    events = async function* () {
      yield await Promise.reject(away);
    };
    expect(problemOf(await api.send('GET', '/v1/verify'))).toMatchObject({
      status: 503,
      code: 'POSTGRES_AWAY',
    });
    events = async function* () {
      yield { type: 'finding', finding };
      throw away;
    };
    expect(linesOf((await api.send('GET', '/v1/verify')).text)).toEqual([
      { type: 'finding', ...finding },
      { type: 'failed', code: 'POSTGRES_AWAY', detail: expect.any(String) },
    ]);
    expect(running).toBe(0);
  });
});

describe('POST /v1/reconcile', () => {
  const reconcile = (body: unknown) => api.send('POST', '/v1/reconcile', { body });
  const divergence = (groupId: string, ...having: string[]) => ({
    type: 'divergence' as const,
    divergence: {
      groupId,
      lastSagaId: null,
      expected: null,
      presence: new Map(['node01', 'node02'].map((node) => [node, having.includes(node)])),
    },
  });
  const repairs = async (body: unknown) =>
    (await reconcile(body)).text
      .split('\n')
      .slice(0, -1)
      .map((line) => reconcileLine.parse(JSON.parse(line)))
      .filter(({ type }) => type !== 'progress');

  test.each([
    [{}, 'apply'],
    [{ apply: 'yes' }, 'apply'],
    [{ apply: true, prefer: 'both' }, 'prefer'],
    [{ apply: true, force: true }, 'force'],
    [[], 'body'],
  ])('refuses %j, naming %s', async (body, field) => {
    expect(problemOf(await reconcile(body))).toMatchObject({ status: 400, field });
  });

  test('a tie is left to the operator, or goes the way he prefers', async () => {
    events = async function* () {
      yield divergence('tie', 'node01');
    };
    expect(await repairs({ apply: false })).toMatchObject([
      { type: 'left', key: 'group:tie' },
      { type: 'summary', applied: false, planned: 0, left: 1 },
    ]);
    expect(await repairs({ apply: false, prefer: 'absent' })).toMatchObject([
      { type: 'planned', key: 'group:tie', change: 'delete', nodes: ['node01'] },
      { type: 'summary', planned: 1, left: 0 },
    ]);
    expect(await repairs({ apply: false, prefer: 'present' })).toMatchObject([
      { type: 'planned', change: 'create', nodes: ['node02'] },
      { type: 'summary' },
    ]);
  });

  test('what a saga has touched since it was looked at is skipped; the rest is accepted, a batch to wait for', async () => {
    events = async function* () {
      yield divergence('calm', 'node01', 'node02');
      yield divergence('touched', 'node01', 'node02');
      // Between the plan and its accept.
      await api.send('POST', '/v1/sagas', {
        body: { saga: 'delete-group', input: { groupId: 'touched' } },
      });
    };
    const lines = await repairs({ apply: true, prefer: 'present' });
    expect(lines).toMatchObject([
      { type: 'planned', key: 'group:calm' },
      { type: 'planned', key: 'group:touched' },
      { type: 'skipped', key: 'group:touched' },
      { type: 'accepted', sagas: 1 },
      { type: 'summary', applied: true, planned: 2, accepted: 1, skipped: 1 },
    ]);
    const accepted = lines.find((line) => line.type === 'accepted')!;
    const { body } = await api.send('GET', `/v1/batches/${accepted.batchId}`);
    expect(body).toMatchObject({ total: 1, running: 1 });
    const { body: page } = await api.send('GET', '/v1/sagas?key=group:touched');
    expect(page.sagas).toMatchObject([{ saga: 'delete-group' }]);
  });
});
