import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from '@jest/globals';
import { FaultsError, type FaultClient, type Verification } from '@reliable-ops/connector';
import { limits } from '@reliable-ops/contracts';
import { ContendedError } from '@reliable-ops/saga';
import { errors } from '../src/openapi/errors.ts';
import { operations } from '../src/openapi/operations/index.ts';
import { checkAnswer, document, type Answer } from './documented.ts';
import { create, replyOf, startApi, willing, type Api, type ApiOptions } from './fixture.ts';
import { useApi } from './use-api.ts';

const { api: base, backends } = useApi();
/** What stands in paths, in place of the document's examples. */
const there: Record<string, string> = {};
let endedId: string;
beforeAll(async () => {
  const start = (body: unknown, headers = {}) =>
    base.send('POST', '/v1/sagas', { body, headers: { prefer: 'wait=10', ...headers } });
  const worker = base.work(willing);
  endedId = (await start(create('ended'))).body.id;
  await worker[Symbol.asyncDispose]();
  const { body } = await start(create('running'), {
    prefer: 'wait=0',
    'idempotency-key': 'used before',
  });
  Object.assign(there, { sagas: body.id, batches: body.batchId });
});
interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}
type Operation = (typeof operations)[number];

/** The request that the document shows; what it says of a body is sent as JSON. */
const shown = ({ method, path, parameters = [], body }: Operation): Asked => ({
  method: method.toUpperCase(),
  path: path.replaceAll(
    /(\w+)\/\{(\w+)\}/g,
    (_, of: string, name: string) =>
      `${of}/${there[of] ?? parameters.find((one) => one.name === name)!.example}`,
  ),
  headers: { host: 'localhost:3000', ...(body ? { 'content-type': 'application/json' } : {}) },
  body: body && JSON.stringify(body.content['application/json']!.example),
});

/** What may be so when an operation is asked for: with the server, or with the request. */
interface Circumstance {
  server?: () => ApiOptions;
  before?: (api: Api) => Promise<unknown>;
  request?: (asked: Asked) => Partial<Asked>;
}

const withHeaders = (given: Record<string, string>): Circumstance => ({
  request: ({ headers }) => ({ headers: { ...headers, ...given } }),
});
const withBody = (given: string, type = 'application/json'): Circumstance => ({
  request: ({ body, headers }) =>
    body === undefined ? {} : { body: given, headers: { ...headers, 'content-type': type } },
});

const faults: FaultClient = { read: async () => ({}), set: async (_, given) => given };
const faultsThat = (reason: 'none' | 'away'): Circumstance => {
  const fail = () => Promise.reject(new FaultsError(reason, reason));
  return { server: () => ({ faults: { read: fail, set: fail } }) };
};

/** Nothing that reads or writes the log gets an answer. */
const logThatThrows = (reason: Error): Circumstance => ({
  server: () => ({
    log: new Proxy(base.log, { get: () => () => Promise.reject(reason) }),
    verify: () => verificationOf(() => Promise.reject(reason)),
  }),
});
const verificationOf = (found: () => Promise<[]>): Verification => ({
  events: (async function* () {
    yield* await found();
  })(),
  counts: { sagas: 0, groups: 0, inFlight: 0 },
  unreachable: [],
});
const ofPostgres = (code: string): Circumstance =>
  logThatThrows(Object.assign(new Error(code), { code }));

const circumstances: Record<string, Circumstance> = {
  'all is well': {},
  'the saga has ended': {
    request: ({ path }) => ({
      path: path.replace(`/sagas/${there['sagas']}`, `/sagas/${endedId}`),
    }),
  },
  'there is no such thing': {
    request: ({ path }) => ({
      path: path
        .replace(`/sagas/${there['sagas']}`, '/sagas/987654321')
        .replace(`/batches/${there['batches']}`, `/batches/${randomUUID()}`)
        .replace('/node02', '/node09'),
    }),
  },
  'nobody has signed in': { server: () => ({ tokens: ['secret'] }) },
  'under a name that is not ours': withHeaders({ host: 'evil.example' }),
  'from a page of another site': withHeaders({ origin: 'http://evil.example' }),
  'a parameter that there is not': { request: ({ path }) => ({ path: `${path}?nonsense=1` }) },
  'a body that is no JSON': withBody('{'),
  'a body of another type': withBody('hello', 'text/plain'),
  'a body without an end': withBody(' '.repeat(limits.requestBytes + 1)),
  'a saga that there is not': {
    request: ({ body }) => ({ body: body?.replace('"create-group"', '"no-such-saga"') }),
  },
  'a key that was used before': withHeaders({ 'idempotency-key': 'used before' }),
  'a repeat, of a saga that has left': {
    server: () => ({ log: { ...base.log, sagaIdsOf: async () => [] } }),
    request: ({ headers, body }) => ({
      headers: { ...headers, 'idempotency-key': 'used before' },
      body: body && JSON.stringify(create('running')),
    }),
  },
  'as many sagas are active as may be': { server: () => ({ maxActiveSagas: 1 }) },
  'a saga that moves on and on': {
    server: () => ({
      engine: { ...base.engine, resolve: () => Promise.reject(new ContendedError('moves on')) },
    }),
  },
  'Postgres is away': ofPostgres('ECONNREFUSED'),
  'the database is not migrated': ofPostgres('42P01'),
  'a bug': logThatThrows(new Error('a bug')),
  'nodes that make no faults': faultsThat('none'),
  'a cluster that does not answer': faultsThat('away'),
  'as many streams are open as may be': {
    before: async (api) => {
      for (let open = 0; open < limits.eventStreams; open++)
        await api.app.request('http://localhost/v1/events', { headers: { host: 'localhost' } });
    },
  },
  'as many runs of verify as may be': {
    server: () => ({ verify: () => verificationOf(() => new Promise(() => {})) }),
    before: (api) =>
      Promise.all(
        [1, 2].map(() =>
          api.app.request('http://localhost/v1/verify', { headers: { host: 'localhost' } }),
        ),
      ),
  },
  'the process stops': {
    server: () => ({ closing: AbortSignal.abort(), verify: base.verify }),
  },
};

/** Streams are let go once their status is known. */
async function ask(api: Api, { method, path, headers, body }: Asked): Promise<Answer> {
  const response = await api.app.request(`http://localhost${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  if (response.headers.get('content-type') === 'application/problem+json') return replyOf(response);
  await response.body?.cancel();
  return { status: response.status, headers: response.headers };
}

const codesBy = (codes: Map<string, Set<string>>): Record<string, string[]> =>
  Object.fromEntries([...codes].map(([id, own]) => [id, [...own].sort()]));

test('each operation answers, of all that can go wrong, exactly the errors that it tells of', async () => {
  const met = new Map(operations.map(({ id }) => [id, new Set<string>()]));
  const answers: [string, string, Answer][] = [];
  for (const [name, { server, before, request }] of Object.entries(circumstances)) {
    const closing = new AbortController();
    await using api = startApi(backends, {
      faults,
      verify: () => verificationOf(async () => []),
      closing: closing.signal,
      ...server?.(),
    });
    await before?.(api);
    for (const operation of operations) {
      const asked = shown(operation);
      const answer = await ask(api, { ...asked, ...request?.(asked) });
      answers.push([asked.method, asked.path, answer]);
      // What the document shows can be sent as it is; there may be nothing to retry.
      if (name === 'all is well' && ![200, 202, 409].includes(answer.status))
        throw new Error(`${asked.path}: ${JSON.stringify(answer.body)}`);
      if (answer.status >= 400 && answer.body)
        met.get(operation.id)!.add((answer.body as { code: string }).code);
    }
    closing.abort(); // ends what is open
  }
  // A bug may be anywhere, also where nothing of ours can be made to fail.
  const all = { INTERNAL: 'documented for each' };
  const documented = new Map(
    operations.map(({ id, path, method }) => {
      const { responses } = document.paths[path]![method]!;
      const own = Object.values(responses).flatMap(({ content }) =>
        Object.keys(content?.['application/problem+json']?.examples ?? {}),
      );
      expect(own).toContain('INTERNAL');
      return [id, new Set(own.filter((code) => !(code in all)))];
    }),
  );
  for (const codes of met.values()) for (const code of Object.keys(all)) codes.delete(code);
  expect(codesBy(met)).toEqual(codesBy(documented));
  for (const [method, path, answer] of answers) if (answer.body) checkAnswer(method, path, answer);
});

test('every error of docs/errors.md is in the document, in the same words', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const [, ofRest = ''] = page.split(/^## .*$/m);
  const rows = [...ofRest.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\| (.+?) +\|/gm)].map(
    ([, code, status, means]) => [code!, { status: Number(status), means }] as const,
  );
  // These are no answers of an operation that the document has.
  const others = new Set(['METHOD_NOT_ALLOWED', 'REDIS_AWAY']);
  expect(Object.fromEntries(rows.filter(([code]) => !others.has(code)))).toEqual(errors);
});
