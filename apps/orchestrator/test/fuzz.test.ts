import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { create, problemOf } from './fixture.ts';
import { useApi } from './use-api.ts';

const { api } = useApi();

/** Characters that may stand in a header's value. */
const headerValue = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((n) => String.fromCharCode(n)),
});
const text = fc.string({ unit: 'binary', maxLength: 20 });
const almostJson = fc.oneof(
  fc.json(),
  text,
  fc.uint8Array(),
  fc.constantFrom(
    '[',
    '{"a":',
    '"\\ud800"',
    '['.repeat(20_000),
    '{"saga":"create-group","input":{"groupId":"1"}}',
  ),
  fc.record({
    saga: fc.oneof(fc.constant('create-group'), text),
    input: fc.anything({ maxDepth: 3 }),
  }),
  fc.record({
    saga: fc.constant('create-group'),
    input: fc.record({ groupId: fc.oneof(text, fc.anything()) }),
  }),
  fc.record({
    saga: fc.constant('delete-group'),
    inputs: fc.array(fc.oneof(fc.record({ groupId: text }), fc.anything({ maxDepth: 1 }))),
  }),
);
const body = fc.oneof(
  almostJson,
  fc.array(almostJson, { maxLength: 4 }).map((lines) => lines.map(encode).join('\n')),
);
const wherever = fc.oneof(
  fc.constantFrom('/v1/status', '/', '/healthz', '/queues'),
  fc.webPath().map((made) => `/v1/sagas/${made}`),
  fc.webQueryParameters().map((query) => `/v1/sagas?${query}`),
  fc
    .tuple(fc.constantFrom('status', 'saga', 'key', 'stuck', 'limit', 'cursor'), text)
    .map(
      ([name, value]) => `/v1/sagas?${name}=${encodeURIComponent(Buffer.from(value).toString())}`,
    ),
  fc.constantFrom(
    '/v1/sagas?key=%',
    '/v1/sagas?key=%ff',
    '/v1/sagas/%ff',
    '/v1/batches/%00',
    '/v1/sagas?limit=٣',
  ),
  fc.nat().map((id) => `/v1/sagas/${id}`),
  fc.uuid().map((id) => `/v1/batches/${id}`),
);
const headers = fc.record(
  {
    'content-type': fc.oneof(
      fc.constantFrom('application/json', 'application/x-ndjson', 'application/json;charset='),
      headerValue,
    ),
    'idempotency-key': headerValue,
    prefer: fc.oneof(
      fc.constantFrom('wait=0', 'wait', 'wait=;', ',', 'wait="0'),
      headerValue.filter((value) => !/wait/i.test(value)),
    ),
    authorization: headerValue,
    origin: fc.oneof(
      { weight: 9, arbitrary: fc.constant('http://localhost') },
      headerValue,
      fc.webUrl(),
    ),
    host: fc.oneof({ weight: 9, arbitrary: fc.constant('localhost') }, headerValue),
    'sec-fetch-site': headerValue,
  },
  { requiredKeys: [] },
);

const encode = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value instanceof Uint8Array
      ? Buffer.from(value).toString('latin1')
      : (JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? 1 : member)) ??
        '');

async function expectAnswer(
  method: string,
  path: string,
  given: Record<string, string>,
  content?: unknown,
): Promise<number> {
  const reply = await api.send(method, path, {
    headers: given,
    ...(content === undefined
      ? {}
      : { body: content instanceof Uint8Array ? content : encode(content) }),
  });
  expect(reply.status).toBeLessThan(500);
  if (reply.status >= 400 && method !== 'HEAD') expect(problemOf(reply).status).toBe(reply.status);
  return reply.status;
}

/** An error says what is wrong, and nothing is a 5xx. `reached`: answers that the draws must have met. */
const expectReached = (seen: Set<number>, reached: number[]): void =>
  expect([...seen]).toEqual(expect.arrayContaining(reached));

test('whatever body is sent, the answer is below 500', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/v1/sagas', '/v1/sagas/batch'),
      fc.constantFrom('application/json', 'application/json', 'application/x-ndjson'),
      body,
      async (path, type, content) => {
        seen.add(await expectAnswer('POST', path, { 'content-type': type }, content));
      },
    ),
    { numRuns: 500 },
  );
  expectReached(seen, [202, 400, 415]);
});

test('whatever is asked for, the answer is below 500', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'GET', 'HEAD', 'PUT'),
      wherever,
      async (method, path) => {
        seen.add(await expectAnswer(method, path, {}));
      },
    ),
    { numRuns: 300 },
  );
  expectReached(seen, [200, 400, 404, 405]);
});

test('whatever headers come along, the answer is below 500', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/v1/sagas', '/v1/sagas/batch', '/queues', '/nothing'),
      headers,
      async (path, given) => {
        seen.add(await expectAnswer('POST', path, given, create('headers')));
      },
    ),
    { numRuns: 500 },
  );
  expectReached(seen, [202, 400, 403, 404, 405, 415]);
});
