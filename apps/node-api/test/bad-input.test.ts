import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const json = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.record({ groupId: fc.anything({ maxDepth: 1 }) }).map((body) => JSON.stringify(body) ?? ''),
  fc
    .record({ groupId: fc.oneof(fc.double(), fc.maxSafeInteger(), fc.string({ unit: 'binary' })) })
    .map((body) => JSON.stringify(body)),
);
const operation = fc.record(
  {
    op: fc.constantFrom('create', 'delete', 'undo', 'x'),
    groupId: fc.oneof({ weight: 9, arbitrary: fc.string({ unit: 'binary' }) }, fc.integer()),
    timestamp: fc.oneof(
      { weight: 9, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
      fc.string(),
    ),
    token: fc.oneof(
      { weight: 9, arbitrary: fc.tuple(fc.integer({ min: -1 }), fc.integer({ min: 0, max: 2 })) },
      fc.anything({ maxDepth: 1 }),
    ),
  },
  { requiredKeys: ['op', 'groupId', 'timestamp', 'token'] },
);
const node = fc.constantFrom('node01', 'node02', 'node03', 'node04', '');
const timestamp = fc.oneof(
  fc.double().map(String),
  fc.string().filter((text) => /^[\x20-\x7e]*$/.test(text)),
);

test('whatever is sent, the answer is below 500, and an error says its message and status', async () => {
  const request = fc.oneof(
    fc.record({
      method: fc.constantFrom('POST', 'DELETE', 'PUT'),
      path: fc.constant('/v1/group'),
      body: json,
    }),
    fc.record({
      method: fc.constant('GET'),
      path: fc.string({ unit: 'grapheme' }).map((id) => `/v1/group/${encodeURIComponent(id)}`),
    }),
    fc.record({
      method: fc.constant('POST'),
      path: fc.constant('/v1/operations'),
      body: fc.oneof(
        json,
        fc.array(operation).map((batch) => JSON.stringify(batch)),
      ),
    }),
    fc.record({ method: fc.constant('GET'), path: fc.webPath() }),
  );
  await fc.assert(
    fc.asyncProperty(
      request,
      node,
      timestamp,
      async (sent: { method: string; path: string; body?: string }, to, at) => {
        const reply = await cluster.call(sent.method, sent.path || '/', {
          node: to,
          timestamp: at,
          body: sent.body,
        });
        expect(reply.status).toBeLessThan(500);
        if (reply.status >= 400)
          expect(reply.body).toEqual({ message: expect.any(String), status: reply.status });
      },
    ),
    { numRuns: 500 },
  );
});
