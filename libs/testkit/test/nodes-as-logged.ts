import { expect } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { nodeNames, readPresentIds } from '../src/index.ts';

/**
 * P1 from the log against the nodes' own tables, id by id: what completed is on all nodes, the rest on none; and
 * nothing is left of anything that has ended.
 */
export async function expectNodesToSayWhatTheLogSays(databaseUrl: string): Promise<void> {
  const sql = connect(databaseUrl, { applicationName: 'test', max: 1 });
  const [left] = await sql<{ active: number; lanes: number; outbox: number }[]>`
    select (select count(*) from saga.sagas where ended_at is null)::int as active,
      (select count(*) from saga.lanes)::int as lanes, (select count(*) from saga.outbox)::int as outbox`;
  // Of each key, what the last saga that changed something has left.
  const rows = await sql<{ groupId: string; present: boolean }[]>`
    select distinct on (key) substr(key, 7) as "groupId", name = 'create-group' as present
    from saga.sagas where status = 'completed' order by key, fence desc`;
  await sql.end();
  expect(left).toEqual({ active: 0, lanes: 0, outbox: 0 });
  const expected = rows
    .filter(({ present }) => present)
    .map(({ groupId }) => groupId)
    .sort();
  expect(await readPresentIds(databaseUrl)).toEqual(
    Object.fromEntries(nodeNames.map((node) => [node, expected])),
  );
}
