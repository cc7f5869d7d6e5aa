import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase, type TestDatabase } from '@reliable-ops/testkit';

/** Its fields are there from the suite's first hook on. */
export interface DatabaseFixture {
  url: string;
  sql: Sql;
}

/** A database of this suite's own, whose saga log is empty before each test. */
export function useDatabase(): DatabaseFixture {
  const fixture = {} as DatabaseFixture;
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    fixture.url = database.url;
    fixture.sql = connect(database.url, { applicationName: 'saga-test', max: 12 });
  });
  afterAll(async () => {
    await fixture.sql.end();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await fixture.sql`
      truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.pauses, saga.watermarks`;
  });
  return fixture;
}

/** How many sagas there are of each status. */
export async function countStatuses({ sql }: DatabaseFixture): Promise<Record<string, number>> {
  const rows = await sql<{ status: string; n: number }[]>`
    select status, count(*)::int as n from saga.sagas group by status`;
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

/** What is left of sagas besides themselves. */
export async function countLeftovers({
  sql,
}: DatabaseFixture): Promise<{ lanes: number; outbox: number }> {
  const [row] = await sql<{ lanes: number; outbox: number }[]>`
    select (select count(*) from saga.lanes)::int as lanes, (select count(*) from saga.outbox)::int as outbox`;
  return row!;
}
