import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase, type TestDatabase } from '../src/index.ts';

const folder = new URL('../../database/migrations/', import.meta.url);

interface OutboxRow {
  id: string;
  participant: string;
  kind: string;
  step: string;
  phase: string;
  attempt: number;
  items: [sagaId: number, ...unknown[]][];
  due: Date;
}

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'migrations-test', max: 1 });
  const schemas = await sql<{ name: string }[]>`
    select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')`;
  for (const { name } of schemas) await sql`drop schema ${sql(name)} cascade`;
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});

/** Migrations by the numbers that their names begin with. */
const apply = async (from: string, to: string): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names.filter((some) => some.slice(0, 4) >= from && some.slice(0, 4) <= to))
    await sql.unsafe(await readFile(new URL(name, folder), 'utf8'));
};

test('what the outbox owed before its commands had one head is owed after it, in rows of new ids', async () => {
  await apply('0000', '0002');
  const command = (
    sagaId: number,
    step: string,
    phase: string,
    attempt: number,
    data: unknown,
  ) => ({
    sagaId,
    key: `k${sagaId}`,
    step,
    phase,
    attempt,
    token: [sagaId * 10, phase === 'compensation' ? 1 : 0],
    data,
  });
  const old = [
    {
      participant: 'node01',
      kind: 'create',
      due: new Date(1_000),
      commands: [command(1, 'a', 'action', 1, { id: 'x' }), command(2, 'a', 'action', 1, null)],
    },
    // The same head once more, in a row of its own: rows are not joined.
    {
      participant: 'node01',
      kind: 'create',
      due: new Date(1_000),
      commands: [command(3, 'a', 'action', 1, ['y'])],
    },
    {
      participant: 'node02',
      kind: 'undo',
      due: new Date(2_000),
      commands: [
        command(4, 'b', 'compensation', 1, 'z'),
        command(5, 'b', 'compensation', 2, 'z'),
        command(6, 'c', 'compensation', 2, 'z'),
        command(7, 'b', 'compensation', 1, 7),
      ],
    },
  ].map((row) => ({ id: randomUUID(), ...row }));
  for (const { id, participant, kind, commands, due } of old)
    await sql`
      insert into saga.outbox (id, participant, kind, commands, due_at)
      values (${id}, ${participant}, ${kind}, ${JSON.stringify(commands)}::text::jsonb, ${due})`;

  await apply('0003', '0003');

  const rows = await sql<OutboxRow[]>`
    select id, participant, kind, step, phase, attempt, items, due_at as due from saga.outbox`;
  const ids = new Set(rows.map(({ id }) => id));
  expect(ids.size).toBe(rows.length);
  for (const { id } of old) expect(ids).not.toContain(id);
  const create = { participant: 'node01', kind: 'create', step: 'a', phase: 'action', attempt: 1 };
  const undo = { participant: 'node02', kind: 'undo', phase: 'compensation' };
  const found = rows.map(({ participant, kind, step, phase, attempt, due, items }) => ({
    participant,
    kind,
    step,
    phase,
    attempt,
    due,
    items: [...items].sort(([one], [other]) => one - other),
  }));
  const [first, second] = [new Date(1_000), new Date(2_000)];
  expect(found.sort((one, other) => one.items[0]![0] - other.items[0]![0])).toEqual([
    {
      ...create,
      due: first,
      items: [
        [1, 'k1', 10, { id: 'x' }],
        [2, 'k2', 20, null],
      ],
    },
    { ...create, due: first, items: [[3, 'k3', 30, ['y']]] },
    {
      ...undo,
      step: 'b',
      attempt: 1,
      due: second,
      items: [
        [4, 'k4', 40, 'z'],
        [7, 'k7', 70, 7],
      ],
    },
    { ...undo, step: 'b', attempt: 2, due: second, items: [[5, 'k5', 50, 'z']] },
    { ...undo, step: 'c', attempt: 2, due: second, items: [[6, 'k6', 60, 'z']] },
  ]);
});
