import { randomUUID } from 'node:crypto';
import { connect, type Sql } from '@reliable-ops/database';
import { nodes, type ConnectClient } from '../client.ts';

/** As bulk's chunks. */
const chunkSagas = 1_000;
/** As the engine's outbox rows (libs/saga/src/entries.ts). */
const entryCommands = 500;

/**
 * Writes what `bulk` leaves behind, and what it needs on the way (lanes, outbox rows, a second version of each saga),
 * to the same tables by multi-row statements: what Postgres alone would take. Decides nothing and sends nothing.
 */
export const connectClient: ConnectClient = async ({ databaseUrl, inFlight }) => {
  const sql = connect(databaseUrl, { applicationName: 'bench-limit', max: inFlight });
  await sql`select 1`;
  return {
    async run(change, ids) {
      if (change === 'delete') throw new Error('limit only creates');
      const chunks = cut(ids, chunkSagas).values();
      const writeNext = async (): Promise<void> => {
        for (const chunk of chunks) await writeChunk(sql, chunk);
      };
      await Promise.all(Array.from({ length: inFlight }, writeNext));
      return [];
    },
    close: () => sql.end(),
  };
};

async function writeChunk(sql: Sql, groupIds: string[]): Promise<void> {
  const accepted = await accept(sql, groupIds);
  for (const node of nodes) await create(sql, node, groupIds, accepted.fences);
  await end(sql, accepted);
}

interface Accepted {
  ids: number[];
  fences: number[];
  keys: string[];
  entries: string[];
}

const steps = (states: string): string =>
  JSON.stringify(nodes.map((name) => ({ name, state: states, attempts: 0, log: [] })));
const endedSteps = (now: number): string =>
  JSON.stringify(
    nodes.map((name) => ({
      name,
      state: 'applied',
      attempts: 1,
      output: 'created',
      log: [['action', 1, now, now, 'applied', 'created']],
    })),
  );

async function accept(sql: Sql, groupIds: string[]): Promise<Accepted> {
  const keys = groupIds.map((id) => `group:${id}`);
  const batchId = randomUUID();
  return sql.begin(async (tx) => {
    const numbers = await tx<{ id: number; fence: number }[]>`
      with taken as (insert into saga.lanes (key) select unnest(${keys}::text[]))
      select nextval('saga.sagas_id_seq') as id, nextval('saga.fences') as fence
      from generate_series(1, ${keys.length})`;
    const ids = numbers.map(({ id }) => id);
    const fences = numbers.map(({ fence }) => fence);
    const entries = nodes.flatMap((node) =>
      cut(
        groupIds.map((groupId, index) => [ids[index], keys[index], fences[index], { groupId }]),
        entryCommands,
      ).map((items) => ({ id: randomUUID(), node, items: JSON.stringify(items) })),
    );
    await tx`
      with inserted as (
        insert into saga.sagas (id, batch_id, name, version, key, input, status, fence, steps, accepted_at, started_at, deadline_at)
        select id, ${batchId}::uuid, 'create-group', 1, 'group:' || group_id, json_build_object('groupId', group_id),
          'running', fence, ${steps('running')}::text::json, now(), now(), now() + interval '10 min'
        from unnest(${ids}::bigint[], ${fences}::bigint[], ${groupIds}::text[]) as s(id, fence, group_id)
      ), held as (
        update saga.lanes set holder = s.id
        from unnest(${ids}::bigint[], ${keys}::text[]) as s(id, key) where lanes.key = s.key
      )
      insert into saga.outbox (id, participant, kind, step, phase, attempt, items, due_at)
      select id, node, 'create', node, 'action', 1, items::json, now()
      from unnest(${entries.map(({ id }) => id)}::uuid[], ${entries.map(({ node }) => node)}::text[],
        ${entries.map(({ items }) => items)}::text[]) as entry(id, node, items)`;
    return { ids, fences, keys, entries: entries.map(({ id }) => id) };
  });
}

async function create(sql: Sql, node: string, groupIds: string[], fences: number[]): Promise<void> {
  await sql`
    insert into ${sql(node)}.groups (group_id, present, timestamp, version, fence, phase, op, outcome, before_present, action_version)
    select group_id, true, fence / 1e6, 1, fence, 0, 'create', 'created', false, 1
    from unnest(${groupIds}::text[], ${fences}::bigint[]) as g(group_id, fence)`;
}

async function end(sql: Sql, { ids, keys, entries }: Accepted): Promise<void> {
  await sql`
    with taken as (
      delete from saga.outbox where id = any(${entries}::uuid[])
    ), updated as (
      update saga.sagas set status = 'completed', steps = ${endedSteps(Date.now())}::text::json, ended_at = now()
      where id = any(${ids}::bigint[])
    )
    delete from saga.lanes where key = any(${keys}::text[])`;
}

function cut<Item>(items: Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
