import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startClientProcess } from './client-process.ts';
import { nodes } from './client.ts';
import { idsOf } from './clients/orders.ts';
import type { Contender } from './contenders.ts';
import { checkout, type Environment } from './environment.ts';
import { readCpuMs, readPeakMb } from './meter.ts';
import { resetProfile, summariseCpuProfiles, writeServerProfile, type Window } from './profile.ts';
import { startSystem } from './system.ts';
import { verifyIds } from './verify.ts';

/** One contender's turn in one round. */
export interface Turn {
  contender: string;
  sagas: number;
  seconds: number;
  sagasPerSecond: number;
  /** From accepted to ended; null where nothing says it. */
  p50Ms: number | null;
  p99Ms: number | null;
  /** By process: milliseconds of CPU per saga. */
  cpuMsPerSaga: Record<string, number>;
  /** By process: the most that one process of the kind has held. */
  peakMb: Record<string, number>;
}

/** Sagas before the measured ones: as many as get code compiled and connections opened. */
const warmUpShare = 0.1;
const leastWarmUp = 20;

/** Starts all that the contender needs, lets it warm up, measures it, and checks what it has done. Throws where that is wrong. */
export async function takeTurn(
  environment: Environment,
  contender: Contender,
  {
    sagas,
    errors,
    delayMs,
    profile,
  }: { sagas: number; errors: number; delayMs: number; profile: boolean },
): Promise<Turn> {
  await environment.clean();
  const profileFolder = profile ? join(checkout, 'bench/results', contender.name) : undefined;
  if (profileFolder !== undefined) {
    await rm(profileFolder, { recursive: true, force: true });
    await mkdir(profileFolder, { recursive: true });
  }
  const { turn, window } = await measure(environment, contender, {
    sagas,
    errors,
    delayMs,
    profileFolder,
  });
  if (profileFolder !== undefined) await summariseCpuProfiles(profileFolder, window);
  return turn;
}

async function measure(
  environment: Environment,
  contender: Contender,
  {
    sagas,
    errors,
    delayMs,
    profileFolder,
  }: { sagas: number; errors: number; delayMs: number; profileFolder: string | undefined },
): Promise<{ turn: Turn; window: Window }> {
  const { postgres, redis, databaseUrl } = environment;
  const { change, inFlight } = contender;
  await using system = await startSystem(environment, contender, {
    errors,
    callDelayMs: contender.delayed ? delayMs : 0,
    profileFolder,
  });
  await using client = await startClientProcess();
  const { nodeApiUrl, orchestratorUrl } = system;
  await client.ask({
    connect: join(checkout, 'bench', contender.client),
    settings: { inFlight, errors, nodeApiUrl, orchestratorUrl, databaseUrl, redisUrl: redis.url },
  });
  const warmUp = Math.max(leastWarmUp, Math.round(sagas * warmUpShare));
  if (change === 'delete') {
    await client.ask({ change: 'create', prefix: 'w', sagas: warmUp });
    await client.ask({ change: 'create', prefix: '', sagas });
  }
  await client.ask({ change, prefix: 'w', sagas: warmUp });

  const processes = {
    ...system.processes,
    Postgres: [postgres.pid],
    Redis: [redis.pid],
    client: [client.pid],
  };
  if (profileFolder !== undefined) await resetProfile(environment);
  const fromMs = Number(process.hrtime.bigint()) / 1e6;
  const before = readCpuMs(processes);
  const { seconds, latenciesMs } = await client.ask({ change, prefix: '', sagas });
  const after = readCpuMs(processes);
  const toMs = Number(process.hrtime.bigint()) / 1e6;
  const peakMb = readPeakMb(processes);
  if (profileFolder !== undefined) await writeServerProfile(environment, profileFolder, sagas);
  await client.ask({ close: true });

  const present = change === 'create' ? [...idsOf('w', warmUp), ...idsOf('', sagas)] : [];
  for (const node of nodes) {
    const rows = await environment.sql<{ id: string }[]>`
      select group_id as id from ${environment.sql(node)}.groups where present`;
    verifyIds(
      node,
      rows.map(({ id }) => id),
      present,
    );
  }
  const [p50Ms, p99Ms] = contender.latencyFromLog
    ? await readLatencies(environment, `${change}-group`)
    : [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  const turn: Turn = {
    contender: contender.name,
    sagas,
    seconds,
    sagasPerSecond: sagas / seconds,
    p50Ms,
    p99Ms,
    cpuMsPerSaga: Object.fromEntries(
      Object.keys(processes).map((name) => [name, (after[name]! - before[name]!) / sagas]),
    ),
    peakMb,
  };
  return { turn, window: { fromMs, toMs } };
}

async function readLatencies({ sql }: Environment, saga: string): Promise<[number, number]> {
  const [row] = await sql<[{ p: [number, number] }]>`
    select percentile_cont(array[0.5, 0.99]) within group (
      order by extract(epoch from ended_at - accepted_at)::float8 * 1000) as p
    from saga.sagas where name = ${saga} and input ->> 'groupId' not like 'w%'`;
  return row.p;
}

function percentile(values: number[], part: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
