import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { batchAccepted } from '@reliable-ops/contracts';
import { create, problemOf, startApi, until, willing, type Api, type Reply } from './fixture.ts';
import { useBackends } from './use-api.ts';

const backends = useBackends();
let api: Api;
beforeEach(async () => {
  api = startApi(backends, { maxActiveSagas: 10 });
  await until(api.queue.isConnected);
  await api.sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests`;
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

const post = (count: number, headers: Record<string, string> = {}) =>
  api.send('POST', '/v1/sagas/batch', { body: batchOf(count), headers });
const batchOf = (count: number) => ({
  saga: 'create-group',
  inputs: Array.from({ length: count }, (_, n) => ({ groupId: `g${n}` })),
});
const postOne = (headers: Record<string, string> = {}) =>
  api.send('POST', '/v1/sagas', { body: create('one'), headers });
const countSagas = async (): Promise<number> => {
  const [row] = await api.sql<{ n: number }[]>`select count(*)::int as n from saga.sagas`;
  return row!.n;
};
const expectRefused = (reply: Reply): void => {
  expect(reply.status).toBe(429);
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(problemOf(reply).code).toBe('OVERLOADED');
};

describe('past the bound on active sagas', () => {
  test('a saga and a batch are refused with 429 and Retry-After, and nothing of them is accepted', async () => {
    expect((await post(10)).status).toBe(202);
    expectRefused(await post(1));
    expectRefused(await postOne());
    expect(await countSagas()).toBe(10);
  });

  test('a batch larger than what is left is refused as a whole; a smaller one is accepted', async () => {
    expect((await post(8)).status).toBe(202);
    expectRefused(await post(3));
    expect(await countSagas()).toBe(8);
    expect((await post(2)).status).toBe(202);
  });

  test('requests that come at once cannot pass it together', async () => {
    expect((await post(5)).status).toBe(202);
    const replies = await Promise.all(Array.from({ length: 20 }, () => postOne()));
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(5);
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(15);
    expect(await countSagas()).toBe(10);
  });

  test('it is a bound of the log: what another orchestrator has accepted counts', async () => {
    expect((await post(10)).status).toBe(202);
    const other = startApi(backends, { maxActiveSagas: 10 });
    expectRefused(await other.send('POST', '/v1/sagas', { body: create('one') }));
    await other[Symbol.asyncDispose]();
  });

  test('a request that was accepted before gets its answer, and brings nothing new', async () => {
    const single = await postOne({ 'idempotency-key': 'single' });
    const batch = await post(9, { 'idempotency-key': 'batch' });
    expectRefused(await postOne());
    const again = await postOne({ 'idempotency-key': 'single' });
    expect(again.status).toBe(202);
    expect(again.headers.get('location')).toBe(single.headers.get('location'));
    const batchAgain = await post(9, { 'idempotency-key': 'batch' });
    expect(batchAgain.status).toBe(202);
    expect(batchAccepted.parse(batchAgain.body)).toEqual(batchAccepted.parse(batch.body));
    expect((await post(3, { 'idempotency-key': 'batch' })).status).toBe(422);
    expectRefused(await postOne({ 'idempotency-key': 'another' }));
    expect(await countSagas()).toBe(10);
  });

  test('a refused request, sent again with its key when some have ended, is accepted once', async () => {
    expect((await post(10)).status).toBe(202);
    expectRefused(await post(4, { 'idempotency-key': 'later' }));
    const worker = api.work(willing);
    await until(async () => (await post(4, { 'idempotency-key': 'later' })).status === 202);
    expect((await post(4, { 'idempotency-key': 'later' })).status).toBe(202);
    expect(await countSagas()).toBe(14);
    await worker[Symbol.asyncDispose]();
  });

  test('operators are not refused: what makes room must work', async () => {
    expect((await post(10)).status).toBe(202);
    const { body } = await api.send('GET', '/v1/sagas');
    const cancelled = await api.send('POST', `/v1/sagas/${body.sagas[0].id}/cancel`, {
      body: { by: 'test' },
    });
    expect(cancelled.status).toBe(202);
  });

  test('a body is not read where not even one saga would be taken', async () => {
    expect((await post(10)).status).toBe(202);
    expectRefused(await api.send('POST', '/v1/sagas/batch', { body: 'no JSON at all' }));
  });
});
