import { createRandom, type Random } from '../random.ts';
import type { FuzzRequest } from './request.ts';
import {
  badTexts,
  hugeBody,
  oddBody,
  oddHeaders,
  oddHeaderValue,
  oddJson,
  oddText,
} from './values.ts';

/** Ids of groups that sagas make. Nobody else writes these, so that the nodes must agree on them. */
const sagaIds = 2_000;
const sagaId = (random: Random): string =>
  random.between(0, 9) === 0 ? `saga-${oddText(random)}` : `saga-${random.between(0, sagaIds)}`;

/** Keys that come again, some of them with another body. */
const idempotencyKeys = 40;

const sagaOf = (random: Random): { saga: string; input: { groupId: string } } => ({
  saga: random.pick(['create-group', 'create-group', 'delete-group']),
  input: { groupId: sagaId(random) },
});
const batchOf = (random: Random): { saga: string; inputs: { groupId: string }[] } => ({
  saga: random.pick(['create-group', 'delete-group']),
  inputs: Array.from({ length: random.between(1, 20) }, () => ({ groupId: sagaId(random) })),
});
const linesOf = (random: Random): string =>
  Array.from({ length: random.between(1, 20) }, () => JSON.stringify(sagaOf(random))).join('\n');

const request = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
): FuzzRequest => ({
  target: 'orchestrator',
  method,
  path,
  headers,
  body: typeof body === 'string' ? Buffer.from(body) : body,
  framing: 'length',
});

const json = { 'content-type': 'application/json' };
const lines = { 'content-type': 'application/x-ndjson' };

/** A request that is meant, so that there is something to spoil. */
function meantPost(random: Random): FuzzRequest {
  const key = random.between(0, 2) === 0 ? random.between(0, idempotencyKeys) : undefined;
  // Most of those with a key are repeats of what it came with; some are something else.
  const content = key === undefined || random.between(0, 9) === 0 ? random : createRandom(key);
  const headers: Record<string, string> =
    key === undefined ? {} : { 'idempotency-key': `key-${key}` };
  if (random.between(0, 9) === 0)
    headers['prefer'] = random.pick(['wait=0', 'wait=1', 'respond-async']);
  return content.pick([
    () => request('POST', '/v1/sagas', { ...json, ...headers }, JSON.stringify(sagaOf(content))),
    () =>
      request('POST', '/v1/sagas/batch', { ...json, ...headers }, JSON.stringify(batchOf(content))),
    () => request('POST', '/v1/sagas/batch', { ...lines, ...headers }, linesOf(content)),
  ])();
}

/** Right in form, wrong in what it says. */
function wrongInput(random: Random): FuzzRequest {
  const groupId = random.pick([
    () => JSON.stringify(random.pick(badTexts)),
    () => oddJson(random, 1),
    () => '"\\ud800"',
  ])();
  const input = random.pick([
    `{"groupId":${groupId}}`,
    `{"groupId":${groupId},"groupId":${groupId}}`,
    `{"__proto__":{"groupId":"saga-1"}}`,
    oddJson(random),
  ]);
  const saga = random.pick([
    '"create-group"',
    '"create-group"',
    '"no-such"',
    '"__proto__"',
    '"toString"',
    oddJson(random, 0),
  ]);
  return random.pick([
    () => request('POST', '/v1/sagas', json, `{"saga":${saga},"input":${input}}`),
    () =>
      request(
        'POST',
        '/v1/sagas/batch',
        json,
        `{"saga":${saga},"inputs":[{"groupId":"saga-1"},${input}]}`,
      ),
    () =>
      request(
        'POST',
        '/v1/sagas/batch',
        lines,
        `${JSON.stringify(sagaOf(random))}\n{"saga":${saga},"input":${input}}`,
      ),
  ])();
}

function oddPost(random: Random): FuzzRequest {
  const meant = meantPost(random);
  const body =
    random.between(0, 2_000) === 0
      ? hugeBody(random)
      : oddBody(random, () => meant.body!.toString());
  return { ...meant, body };
}

const oddQuery = (random: Random): string => {
  const one = (): string => {
    const name = random.pick([
      'status',
      'saga',
      'key',
      'stuck',
      'limit',
      'cursor',
      '__proto__',
      '',
      'a',
    ]);
    const value = random.pick([
      () =>
        random.pick([
          'completed',
          'running',
          'true',
          'false',
          '1',
          '10',
          '1001',
          '-1',
          '٣',
          '%',
          '%ff',
          '%00',
          'Mg',
          'AAAA',
          '9'.repeat(30),
        ]),
      () => encodeURIComponent(oddText(random)),
    ])();
    return `${name}=${value}`;
  };
  return Array.from({ length: random.between(0, 3) }, one).join(random.pick(['&', '&', ';', '&&']));
};

/** `GET /v1/sagas/:id`: what the API says it has, with something in each place. New endpoints come along by themselves. */
export function createOrchestratorRequests(contents: string[]): (random: Random) => FuzzRequest {
  const endpoints = contents.map((line) => {
    const [method = 'GET', path = '/'] = line.split(' ');
    return { method, path };
  });
  const place = (random: Random): string =>
    random.pick([
      () => String(random.between(1, 20_000)),
      () =>
        random.pick([
          '0',
          '-1',
          '1.5',
          '9007199254740993',
          '9'.repeat(40),
          '%',
          '%ff',
          '%00',
          '..',
          '',
        ]),
      () => random.pick(['00000000-0000-0000-0000-000000000000', 'x'.repeat(2_000)]),
      () => encodeURIComponent(oddText(random)),
    ])();
  const anywhere = (random: Random): FuzzRequest => {
    const { method, path } = random.pick(endpoints);
    const filled = path.replaceAll(/:\w+/g, () => place(random));
    const query = random.between(0, 2) === 0 ? `?${oddQuery(random)}` : '';
    const isSaved = method === 'GET' || random.between(0, 3) === 0;
    const used =
      random.between(0, 9) === 0
        ? random.pick(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'POST', 'PROPFIND'])
        : method;
    return request(
      used,
      filled + query,
      random.between(0, 1) ? json : {},
      isSaved || used === 'GET' || used === 'HEAD'
        ? undefined
        : oddBody(random, () => oddJson(random)),
    );
  };
  const elsewhere = (random: Random): FuzzRequest =>
    request(
      random.pick(['GET', 'GET', 'POST', 'DELETE', 'HEAD']),
      random.pick([
        () => `/${encodeURIComponent(oddText(random))}`,
        () =>
          `/queues/${random.pick(['', 'api/queues', 'api/queues/node01', 'static/../../../etc/passwd', '%2e%2e/%2e%2e/package.json', 'queue/node01'])}`,
        () =>
          random.pick([
            '//',
            '/v1//sagas',
            '/v1/sagas/',
            '/V1/SAGAS',
            '/?',
            '/#',
            '/v1/sagas?%',
            '/*',
            '/v1/sagas;a=b',
            '/%',
          ]),
      ])(),
    );

  return (random) => {
    const at = random.between(0, 99);
    const made =
      at < 30
        ? meantPost(random)
        : at < 45
          ? wrongInput(random)
          : at < 65
            ? oddPost(random)
            : at < 90
              ? anywhere(random)
              : elsewhere(random);
    if (random.between(0, 4) === 0) made.headers = { ...made.headers, ...oddHeaders(random) };
    if (made.headers['prefer'] !== undefined && /wait\s*=\s*\D*\d{2}/.test(made.headers['prefer']))
      made.headers = { ...made.headers, prefer: 'wait=1' }; // a longer wait is meant, and none of our business
    if (random.between(0, 29) === 0)
      made.headers = { ...made.headers, 'idempotency-key': oddHeaderValue(random) };
    if (made.body !== undefined && random.between(0, 9) === 0) made.framing = 'chunked';
    return made;
  };
}
