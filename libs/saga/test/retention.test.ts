import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Sql } from '@reliable-ops/database';
import * as fc from 'fast-check';
import { createPostgresMaintenance, removeEnded, type MaintenanceLog } from '../src/index.ts';
import { claimRequests } from '../src/postgres/claim-requests.ts';
import { useDatabase } from './database-fixture.ts';

const database = useDatabase();
let sql: Sql;
let log: MaintenanceLog;
beforeEach(() => {
  sql = database.sql;
  log = createPostgresMaintenance(sql);
});

const day = 86_400_000;
const now = Date.now();

interface Row {
  id: number;
  key: string;
  /** Days ago; null: it has not ended. */
  ended: number | null;
  accepted?: number;
  batchId?: string;
  status?: string;
}

async function insert(rows: Row[]): Promise<void> {
  const all = rows.map(({ id, key, ended, accepted = ended ?? 100, batchId = null, status }) => ({
    id,
    key,
    batchId,
    status: status ?? (ended === null ? 'running' : 'completed'),
    accepted: now - accepted * day,
    ended: ended === null ? null : now - ended * day,
  }));
  await sql`
    insert into saga.sagas (id, batch_id, name, version, key, input, status, steps, accepted_at, ended_at)
    select id, "batchId", 'create-thing', 1, key, '{}', status, '[]', to_timestamp(accepted / 1000.0), to_timestamp(ended / 1000.0)
    from jsonb_to_recordset(${JSON.stringify(all)}::text::jsonb)
      as s(id bigint, "batchId" uuid, key text, status text, accepted float8, ended float8)`;
}
const left = async (): Promise<number[]> =>
  (await sql<{ id: number }[]>`select id from saga.sagas order by id`).map(({ id }) => id);
const remove = (
  pages: { limit?: number; from?: MaintenanceLog } = {},
): Promise<{ sagas: number; requests: number }> => {
  const { limit, from = log } = pages;
  return removeEnded({
    log: {
      removeSagas: (page) => from.removeSagas({ ...page, limit: limit ?? page.limit }),
      removeRequests: (page) => from.removeRequests({ ...page, limit: limit ?? page.limit }),
    },
    endedBefore: now - 30 * day,
    signal: new AbortController().signal,
    mayGoOn: async () => true,
  });
};

test('sagas that ended before the cutoff leave; those that ended later, or have not, stay', async () => {
  await insert([
    { id: 1, key: 'a', ended: 40 },
    { id: 2, key: 'b', ended: 29 },
    { id: 3, key: 'c', ended: null },
    { id: 4, key: 'd', ended: 31, status: 'compensated' },
    { id: 5, key: 'e', ended: 31, status: 'resolved' },
  ]);
  expect(await remove()).toEqual({ sagas: 3, requests: 0 });
  expect(await left()).toEqual([2, 3]);
});

test('a page full of sagas that are stuck holds up nobody behind them', async () => {
  await insert([
    ...Array.from({ length: 20 }, (_, n) => ({ id: n + 1, key: `stuck${n}`, ended: null })),
    { id: 21, key: 'a', ended: 40 },
  ]);
  await remove({ limit: 5 });
  expect(await left()).not.toContain(21);
});

test('the walk ends where nothing can be old enough any more', async () => {
  await insert(
    Array.from({ length: 20 }, (_, n) => ({ id: n + 1, key: `k${n}`, ended: n < 7 ? 40 : 1 })),
  );
  const asked: number[] = [];
  await remove({
    limit: 5,
    from: {
      ...log,
      removeSagas: (page) => {
        asked.push(page.after);
        return log.removeSagas(page);
      },
    },
  });
  expect(asked).toEqual([0, 5, 10]);
  expect(await left()).toHaveLength(13);
});

describe('the sagas of a key leave in their order, so the newest is the last to leave', () => {
  test('a younger one that ended first stays as long as an older one does', async () => {
    await insert([
      { id: 1, key: 'a', ended: 29, accepted: 100 },
      { id: 2, key: 'a', ended: 31, accepted: 100, status: 'cancelled' },
      { id: 3, key: 'b', ended: 31 },
    ]);
    await remove();
    expect(await left()).toEqual([1, 2]);
  });

  test('whatever the ends, and wherever the pages divide them', async () => {
    const saga = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      ended: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(saga, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        async (sagas, limit) => {
          await sql`truncate saga.sagas`;
          const rows = sagas.map((one, n) => ({ ...one, id: n + 1, accepted: 100 }));
          await insert(rows);
          await remove({ limit });
          const staying = new Set<string>();
          const expected = rows.filter(({ key, ended }) => {
            if (ended === null || ended <= 30) staying.add(key);
            return staying.has(key);
          });
          expect(await left()).toEqual(expected.map(({ id }) => id));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('P3: an Idempotency-Key', () => {
  const [gone, whole, young] = [randomUUID(), randomUUID(), randomUUID()];
  const keys = async () =>
    (await sql<{ key: string }[]>`select key from saga.requests order by key`).map(
      ({ key }) => key,
    );
  const claim = (key: string, batchId: string, daysAgo: number) => sql`
    insert into saga.requests (key, digest, batch_id, accepted_at)
    values (${key}, 'd', ${batchId}, ${new Date(now - daysAgo * day)})`;

  test('leaves with the last saga of its batch', async () => {
    await claim('gone', gone, 40);
    await claim('whole', whole, 40);
    await claim('young', young, 29);
    await insert([
      { id: 1, key: 'a', ended: 35, batchId: gone },
      { id: 2, key: 'b', ended: 35, batchId: whole },
      { id: 3, key: 'c', ended: null, batchId: whole },
    ]);
    for (const limit of [1, 2, 3]) await remove({ limit });
    expect(await keys()).toEqual(['whole', 'young'].sort());
    expect(await left()).toEqual([3]);
  });

  test('that leaves while it is claimed again is entered anew', async () => {
    await claim('k', gone, 40);
    const again = { key: 'k', digest: 'd2', batchId: whole, acceptedAt: now };
    let removed = false;
    const standing = await sql.begin((tx) =>
      claimRequests(
        // Retention comes between the two statements: after the key was found to be used, before it is read.
        new Proxy(tx, {
          apply: async (target, self, args: [TemplateStringsArray]) => {
            if (!removed && args[0].join().includes('select key, batch_id')) {
              removed = true;
              await remove();
            }
            return Reflect.apply(target, self, args);
          },
        }),
        [again],
      ),
    );
    expect(removed).toBe(true);
    expect(standing.get('k')).toEqual({ batchId: whole, digest: 'd2' });
  });
});

test('it ends between two pages when told to, or when somebody else does it', async () => {
  await insert(Array.from({ length: 6_000 }, (_, n) => ({ id: n + 1, key: `k${n}`, ended: 40 })));
  let pages = 0;
  await removeEnded({
    log,
    endedBefore: now - 30 * day,
    signal: new AbortController().signal,
    mayGoOn: async () => pages++ < 1,
  });
  expect(await left()).toHaveLength(4_000);
  const stop = new AbortController();
  await removeEnded({
    log: {
      ...log,
      removeSagas: (page) => {
        stop.abort();
        return log.removeSagas(page);
      },
    },
    endedBefore: now - 30 * day,
    signal: stop.signal,
    mayGoOn: async () => true,
  });
  expect(await left()).toHaveLength(2_000);
});
