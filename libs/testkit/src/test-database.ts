import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { testEnvironment } from './test-environment.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

/** A migrated database of its own, cloned in some 30 ms. Disposing of it drops it under whoever is still connected. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { postgresUrl, template } = testEnvironment();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(postgresUrl, async (sql) => {
    await sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`;
  });
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  await onServer(url.href, renewIncarnation);
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await onServer(postgresUrl, async (sql) => {
        await sql`drop database if exists ${sql(name)} with (force)`;
      });
    },
  };
}

/** A clone would take itself for its template: the same incarnation, the same fences. */
async function renewIncarnation(sql: postgres.Sql): Promise<void> {
  await sql`update saga.incarnation set id = gen_random_uuid(), created_at = now()`;
  await sql`select setval('saga.fences', floor(extract(epoch from clock_timestamp()) * 1000000)::bigint)`;
}

async function onServer(url: string, work: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
