import type postgres from 'postgres';

/** What the tables say, as they are: read with SQL of its own, so that a mistake of the product's code does not hide itself. */
export interface State {
  sagas: SagaState[];
  requests: { key: string; batchId: string }[];
  lanes: { key: string; holder: string | null }[];
  outbox: { id: string; participant: string; kind: string; commands: number }[];
  nodes: Record<string, NodeRow[]>;
}

export interface SagaState {
  id: number;
  batchId: string;
  name: string;
  key: string;
  groupId: string;
  status: string;
  fence: number | null;
  acceptedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  steps: {
    name: string;
    state: string;
    output?: unknown;
    uncertain?: boolean;
    log: [
      phase: string,
      n: number,
      startedAt: number,
      endedAt: number,
      result: string,
      detail: string | null,
    ][];
  }[];
}

export interface NodeRow {
  groupId: string;
  present: boolean;
  version: number;
  fence: number | null;
  phase: number | null;
}

/** In one snapshot. `sql`: a client or a transaction whose bigints come as text. */
export async function readState(
  sql: postgres.Sql | postgres.TransactionSql,
  nodes: readonly string[],
): Promise<State> {
  const sagas = await sql<(Omit<SagaState, 'id' | 'fence'> & { id: string; fence: string })[]>`
    select id::text, batch_id as "batchId", name, key, input ->> 'groupId' as "groupId", status,
      fence::text, accepted_at as "acceptedAt", started_at as "startedAt", ended_at as "endedAt", steps
    from saga.sagas order by sagas.id`;
  const requests = await sql<State['requests']>`
    select key, batch_id as "batchId" from saga.requests`;
  const lanes = await sql<State['lanes']>`select key, holder::text from saga.lanes`;
  const outbox = await sql<State['outbox']>`
    select id::text, participant, kind, json_array_length(items) as commands from saga.outbox`;
  const rows: State['nodes'] = {};
  for (const node of nodes)
    rows[node] = await sql<NodeRow[]>`
      select group_id as "groupId", present, version::int, fence::float8, phase
      from ${sql(node)}.groups order by group_id`;
  return {
    sagas: sagas.map((saga) => ({
      ...saga,
      id: Number(saga.id),
      fence: saga.fence === null ? null : Number(saga.fence),
    })),
    requests: [...requests],
    lanes: [...lanes],
    outbox: [...outbox],
    nodes: rows,
  };
}
