import { describe, expect, test } from '@jest/globals';
import { batchAccepted, batchCounts, limits } from '@reliable-ops/contracts';
import { create, problemOf, until, willing } from './fixture.ts';
import { useApi } from './use-api.ts';

const { api } = useApi();

const post = (body: unknown, headers: Record<string, string> = {}) =>
  api.send('POST', '/v1/sagas/batch', { body, headers });
const batchOf = (ids: unknown[]) => ({
  saga: 'create-group',
  inputs: ids.map((groupId) => ({ groupId })),
});
const lines = { 'content-type': 'application/x-ndjson' };
const countAll = async (): Promise<number> => {
  const [row] = await api.sql<{ n: number }[]>`select count(*)::int as n from saga.sagas`;
  return row!.n;
};

describe('a batch', () => {
  test('is accepted as a whole, and counted under its Location until all have ended', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `whole-${index}`);
    const reply = await post(batchOf(ids));
    expect(reply.status).toBe(202);
    const { batchId, accepted } = batchAccepted.parse(reply.body);
    expect(accepted).toBe(100);
    const location = reply.headers.get('location')!;
    expect(location).toBe(`/v1/batches/${batchId}`);

    const read = async () => batchCounts.parse((await api.send('GET', location)).body);
    expect(await read()).toMatchObject({ total: 100, running: 100, completed: 0 });
    const worker = api.work(willing);
    await until(async () => {
      const { total, stuck, ...statuses } = await read();
      expect(Object.values(statuses).reduce((a, b) => a + b)).toBe(total);
      expect(stuck).toBe(0);
      return statuses.completed === 100;
    });
    await worker[Symbol.asyncDispose]();
  });

  test('takes ten thousand, and not one more', async () => {
    const ids = Array.from({ length: limits.batchSagas }, (_, index) => `many-${index}`);
    expect((await post(batchOf(ids))).body.accepted).toBe(limits.batchSagas);
    const before = await countAll();
    expect(problemOf(await post(batchOf([...ids, 'more'])))).toMatchObject({
      status: 413,
      field: 'inputs',
    });
    const body = [...ids, 'more'].map((id) => JSON.stringify(create(id))).join('\n');
    expect(problemOf(await post(body, lines)).status).toBe(413);
    expect(await countAll()).toBe(before);
  });

  test.each([
    ['a bad input', batchOf(['a', 'b', 5]), 'inputs.2.groupId'],
    [
      'an input with a member too many',
      { saga: 'create-group', inputs: [{ groupId: '1', x: 1 }] },
      'inputs.0',
    ],
    ['an unknown saga', { saga: 'x', inputs: [{}] }, 'saga'],
    ['no inputs', { saga: 'create-group', inputs: [] }, 'inputs'],
    ['inputs that are no list', { saga: 'create-group', inputs: {} }, 'inputs'],
    ['a member too many', { ...batchOf(['a']), input: {} }, 'input'],
    ['no JSON', '{', 'body'],
  ])('is refused as a whole, with the field: %s', async (_what, body, field) => {
    const before = await countAll();
    expect(problemOf(await post(body))).toMatchObject({ status: 400, field });
    expect(await countAll()).toBe(before);
  });

  test('of another media type is refused', async () => {
    expect(problemOf(await post('[]', { 'content-type': 'text/csv' })).status).toBe(415);
  });
});

describe('a batch in lines', () => {
  test.each(['application/x-ndjson', 'application/ndjson', 'application/jsonl'])(
    'may mix sagas: %s',
    async (type) => {
      const body = `${JSON.stringify(create('mixed'))}\r\n\n{"saga":"delete-group","input":{"groupId":"mixed"}}\n`;
      const reply = await post(body, { 'content-type': type });
      expect(reply.status).toBe(202);
      expect(reply.body.accepted).toBe(2);
    },
  );

  test.each([
    ['line 3: is no JSON', `${JSON.stringify(create('1'))}\n\n{`, 'line 3'],
    ['line 2: has no saga', `${JSON.stringify(create('1'))}\n{"input":{}}`, 'line 2: saga'],
    ['line 1: asks for an unknown saga', '{"saga":"x","input":{}}', 'line 1: saga'],
    ['line 1: has a bad input', JSON.stringify(create(1)), 'line 1: input.groupId'],
    ['line 1: is a list', '[]', 'line 1: body'],
    ['nothing', '\n\n', 'body'],
  ])('is refused as a whole: %s', async (_what, body, field) => {
    const before = await countAll();
    expect(problemOf(await post(body, lines))).toMatchObject({ status: 400, field });
    expect(await countAll()).toBe(before);
  });
});

describe('the Idempotency-Key of a batch', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key });

  test('gives the same batch, in either form, and makes no saga twice', async () => {
    const first = await post(batchOf(['r1', 'r2']), keyed('repeat'));
    const before = await countAll();
    const repeats = await Promise.all([
      post(batchOf(['r1', 'r2']), keyed('repeat')),
      post([create('r1'), create('r2')].map((line) => JSON.stringify(line)).join('\n'), {
        ...lines,
        ...keyed('repeat'),
      }),
    ]);
    for (const { status, body } of repeats) {
      expect(status).toBe(202);
      expect(body).toEqual(first.body);
    }
    expect(await countAll()).toBe(before);
  });

  test.each([
    ['another order', ['o2', 'o1']],
    ['one more', ['o1', 'o2', 'o3']],
  ])('is refused with another body: %s', async (_what, ids) => {
    await post(batchOf(['o1', 'o2']), keyed('other'));
    expect(problemOf(await post(batchOf(ids), keyed('other'))).status).toBe(422);
  });
});

test.each([crypto.randomUUID(), 'x', '1', `${crypto.randomUUID()}0`, '%00'])(
  'a batch that nobody sent is not found: %s',
  async (id) => {
    expect(problemOf(await api.send('GET', `/v1/batches/${id}`)).status).toBe(404);
  },
);
