import { startChild } from '@reliable-ops/local';
import { nodes } from '../client.ts';
import { checkout, startEnvironment, type Environment } from '../environment.ts';
import { readCpuMs, readOwnMb, readPeakMb } from '../meter.ts';
import { writeResult } from '../result.ts';
import { startSystem } from '../system.ts';
import { formatScale, leastRatio, mostMb } from './table.ts';

/** Sagas of which the rate is taken. */
const partSagas = 100_000;
/** Code is compiled and connections are made before anything is measured. */
const warmUpSagas = 20_000;
const lookEveryMs = 500;

/**
 * `rops create` of so many groups as one run, by the real command. Shows the rate of each 100,000, and the most memory that each
 * process has held. Exit 1 where the last part is slower than 0.9 x the first, or a process comes to 300 MB. Throws
 * where a node does not hold exactly the groups.
 */
export async function runScale(sagas: number, write: (line: string) => void): Promise<number> {
  await using environment = await startEnvironment({ say: write });
  const { postgres, redis, sql } = environment;
  await using system = await startSystem(
    environment,
    { system: { workers: 1, protocol: 'fenced' } },
    { errors: 0 },
  );
  const processes: Record<string, number[]> = {
    ...system.processes,
    Postgres: [postgres.pid],
    Redis: [redis.pid],
  };
  const peakMb: Record<string, number> = {};
  const costs: Cost[] = [];
  const look = (): void => {
    const cpuMs = Object.values(readCpuMs(processes)).reduce((sum, ms) => sum + ms, 0);
    costs.push({ at: Date.now(), cpuMs });
    const { Postgres: _shared, ...others } = processes;
    for (const [name, mb] of Object.entries({
      ...readPeakMb(others),
      ...readOwnMb({ Postgres: processes['Postgres']! }),
    }))
      peakMb[name] = Math.max(peakMb[name] ?? 0, mb);
  };
  const create = async (from: number, count: number, onLine: (line: string) => void) => {
    let last = '';
    const child = await startChild({
      command: process.execPath,
      args: ['apps/cli/bin/rops.mjs', 'create', `${from}..${from + count - 1}`],
      cwd: checkout,
      env: { PATH: process.env['PATH'], ROPS_URL: system.orchestratorUrl },
      onLine: (line) => {
        last = line;
        onLine(line);
      },
    });
    processes['client'] = [child.pid];
    const looking = setInterval(look, lookEveryMs);
    const { code } = await child.closed;
    clearInterval(looking);
    if (code !== 0) throw new Error(`rops create ended with ${code}: ${last}`);
    return last;
  };

  await create(sagas, warmUpSagas, () => {});
  write(`creating ${sagas} groups, after ${warmUpSagas} to warm up`);
  const startedAt = performance.now();
  let toldParts = 0;
  await create(0, sagas, (line) => {
    const done = Number((/: ([\d,]+) of [\d,]+: /.exec(line)?.[1] ?? '0').replaceAll(',', ''));
    if (Math.floor(done / partSagas) <= toldParts) return;
    toldParts = Math.floor(done / partSagas);
    const seconds = (performance.now() - startedAt) / 1_000;
    const memory = Object.entries(peakMb).map(([name, mb]) => `${name} ${mb}`);
    write(`${done} after ${seconds.toFixed(1)} s; peak MB so far: ${memory.join(', ')}`);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  write(`all ended after ${seconds.toFixed(1)} s; now each node is asked what it holds`);
  await verify(environment, sagas + warmUpSagas);

  const parts = await readParts(environment, sagas, costs);
  const tables = await sql<TableSize[]>`
    select schemaname || '.' || relname as table, n_live_tup::int as rows, n_dead_tup::int as dead,
      autovacuum_count::int as vacuums, pg_size_pretty(pg_table_size(relid)) as size, pg_size_pretty(pg_indexes_size(relid)) as indexes
    from pg_stat_user_tables where n_tup_ins > 0 order by 1`;
  const ratio = parts.at(-1)!.rate / parts[0]!.rate;
  const result = { at: new Date().toISOString(), sagas, seconds, parts, ratio, peakMb, tables };
  write(formatScale(result));
  write(`written to ${await writeResult(result, 'scale')}`);
  return ratio >= leastRatio && Object.values(peakMb).every((mb) => mb < mostMb) ? 0 : 1;
}

export interface TableSize {
  table: string;
  rows: number;
  dead: number;
  vacuums: number;
  size: string;
  indexes: string;
}

export interface Part {
  /** Sagas that had ended by its end. */
  until: number;
  /** Sagas a second. */
  rate: number;
  /** In all processes, per saga: unlike the rate it hardly depends on what else the machine does. */
  cpuMs: number;
}

/** CPU of all processes since their start, at a time. */
interface Cost {
  at: number;
  cpuMs: number;
}

/** By the log: from the first one accepted, each part to the end of its last saga. */
async function readParts({ sql }: Environment, sagas: number, costs: Cost[]): Promise<Part[]> {
  const rows = await sql<{ until: number; began: number; ended: number }[]>`
    with measured as (
      select accepted_at, ended_at, row_number() over (order by ended_at) as n
      from saga.sagas where (input ->> 'groupId')::int < ${sagas}
    )
    select max(n)::int as until, extract(epoch from max(ended_at))::float8 * 1000 as ended,
      extract(epoch from (select min(accepted_at) from measured))::float8 * 1000 as began
    from measured group by (n - 1) / ${partSagas} order by 1`;
  const costAt = (time: number): number =>
    (costs.find(({ at }) => at >= time) ?? costs.at(-1)!).cpuMs;
  return rows.map(({ until, began, ended }, index) => {
    const before = rows[index - 1] ?? { until: 0, ended: began };
    const sagasOfPart = until - before.until;
    return {
      until,
      rate: (1_000 * sagasOfPart) / (ended - before.ended),
      cpuMs: (costAt(ended) - costAt(before.ended)) / sagasOfPart,
    };
  });
}

/** Throws unless every node holds exactly the groups 0 to `count` - 1: by their number, and by a sum and an exclusive or of their hashes. */
async function verify({ sql }: Environment, count: number): Promise<void> {
  const digest = sql`
    count(*)::int as count, sum(hashtextextended(id, 0))::text as sum, bit_xor(hashtextextended(id, 1))::text as xor`;
  const [expected] = await sql`
    select ${digest} from (select n::text as id from generate_series(0, ${count - 1}::int) n) g`;
  for (const node of nodes) {
    const [held] = await sql`
      select ${digest} from (select group_id as id from ${sql(node)}.groups where present) g`;
    if (JSON.stringify(held) !== JSON.stringify(expected))
      throw new Error(
        `${node} does not hold the groups: ${JSON.stringify(held)}, not ${JSON.stringify(expected)}`,
      );
  }
  const [row] = await sql<[{ n: number }]>`
    select count(*)::int as n from saga.sagas where status = 'completed'`;
  if (row.n !== count) throw new Error(`${row.n} sagas have completed, not ${count}`);
}
