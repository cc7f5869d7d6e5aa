import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Redis as RedisClient } from 'ioredis';
import type { Environment } from './environment.ts';

/** Has Postgres count what each statement costs; it has to be started again for that. */
export const statementsLibrary = 'pg_stat_statements';

/** From here on. */
export async function resetProfile({ sql, redis }: Environment): Promise<void> {
  await sql`create extension if not exists pg_stat_statements`;
  await sql`select pg_stat_statements_reset()`;
  await sql`select pg_stat_reset()`;
  await onRedis(redis.url, (client) => client.config('RESETSTAT'));
}

/** Writes `servers.txt` beside the CPU profiles: statements, tables and Redis commands by what they cost since the reset. */
export async function writeServerProfile(
  { sql, redis }: Environment,
  folder: string,
  sagas: number,
): Promise<void> {
  const statements = await sql<Record<string, unknown>[]>`
    select round((total_exec_time + total_plan_time)::numeric * 1000 / ${sagas}, 1) as "us/saga",
      round(total_plan_time::numeric * 1000 / ${sagas}, 1) as "planning", calls, rows,
      round(wal_bytes / ${sagas}, 0) as "WAL/saga", round((shared_blks_hit + shared_blks_read)::numeric / ${sagas}, 1) as "pages/saga",
      left(regexp_replace(query, '\\s+', ' ', 'g'), 110) as statement
    from pg_stat_statements where calls > 0
    order by total_exec_time + total_plan_time desc limit 25`;
  const tables = await sql<Record<string, unknown>[]>`
    select schemaname || '.' || relname as table, n_tup_ins as inserted, n_tup_upd as updated, n_tup_hot_upd as hot, n_tup_del as deleted,
      n_dead_tup as dead, pg_size_pretty(pg_table_size(relid)) as size, pg_size_pretty(pg_indexes_size(relid)) as indexes
    from pg_stat_user_tables where n_tup_ins + n_tup_upd + n_tup_del > 0 order by 1`;
  const commands = await onRedis(redis.url, (client) => client.info('commandstats'));
  const redisRows = [...commands.matchAll(/cmdstat_(\S+):calls=(\d+),usec=(\d+)/g)]
    .map(([, command, calls, usec]) => ({
      'us/saga': (Number(usec) / sagas).toFixed(1),
      calls,
      command,
    }))
    .sort((a, b) => Number(b['us/saga']) - Number(a['us/saga']))
    .slice(0, 12);
  const text = [statements, tables, redisRows].map(format).join('\n\n');
  await writeFile(join(folder, 'servers.txt'), `${text}\n`);
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** Microseconds of the monotonic clock. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** Milliseconds of the monotonic clock, which all processes of a machine share. */
export interface Window {
  fromMs: number;
  toMs: number;
}

/** Writes `<process>.txt`: the main thread's own time within the window, by package and by function. */
export async function summariseCpuProfiles(folder: string, window: Window): Promise<void> {
  const files = await readdir(folder, { recursive: true });
  for (const file of files) {
    // CPU.<day>.<time>.<process>.<thread>.<number>.cpuprofile; thread 0 is the main one, another one is tsx.
    if (!/\.0\.\d+\.cpuprofile$/.test(file)) continue;
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
    const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
    const byPlace = new Map<string, number>();
    const byFunction = new Map<string, number>();
    let busyUs = 0;
    let at = profile.startTime / 1_000;
    for (const [index, id] of profile.samples.entries()) {
      const { functionName, url, lineNumber } = byId.get(id)!;
      const us = profile.timeDeltas[index] ?? 0;
      at += us / 1_000;
      if (['(idle)', '(program)', '(root)'].includes(functionName)) continue;
      if (at < window.fromMs || at > window.toMs) continue;
      busyUs += us;
      const place = placeOf(url, functionName);
      add(byPlace, place, us);
      add(byFunction, `${functionName || '(anonymous)'} ${place} ${lineNumber + 1}`, us);
    }
    const lines = [byPlace, byFunction].map((costs) =>
      [...costs]
        .sort(([, a], [, b]) => b - a)
        .slice(0, 30)
        .map(([name, us]) => `${((100 * us) / busyUs).toFixed(1).padStart(5)} %  ${name}`)
        .join('\n'),
    );
    const wholeMs = window.toMs - window.fromMs;
    const head = `${(busyUs / 1_000).toFixed(0)} ms of ${wholeMs.toFixed(0)} ms busy`;
    await writeFile(join(folder, `${dirname(file)}.txt`), `${head}\n\n${lines.join('\n\n')}\n`);
  }
}

/** The package of what is installed, the file of ours, the module of Node. */
function placeOf(url: string, functionName: string): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  const [, installed] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return installed ?? url.replace(/^.*?\/((?:apps|libs|bench)\/)/, '$1');
}

const add = (costs: Map<string, number>, name: string, us: number): void =>
  void costs.set(name, (costs.get(name) ?? 0) + us);

function format(rows: Record<string, unknown>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function onRedis<Answer>(
  url: string,
  work: (client: RedisClient) => Promise<Answer>,
): Promise<Answer> {
  const client = new RedisClient(url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}
