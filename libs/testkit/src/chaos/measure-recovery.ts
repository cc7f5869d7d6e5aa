import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { nodeNames } from '../nodes.ts';
import { waitFor } from '../wait-for.ts';
import { createJournal } from './journal.ts';
import { startChaosSystem, type ChaosSystem } from './system.ts';

/** The defaults of libs/runtime/src/config.ts, which test systems shorten. */
const productionSettings = {
  JOB_LOCK: '10s',
  RECOVERY_INTERVAL: '5s',
  CALL_TIMEOUT: '5s',
};

interface Accident {
  name: string;
  rounds: number;
  /** The median may take so long, in milliseconds. */
  targetMs: number;
  /** Makes it happen; answers when it was over, in milliseconds since 1970: from then on sagas could go on. */
  happen(system: ChaosSystem, round: number): Promise<number>;
}

const accidents: Accident[] = [
  {
    name: 'worker killed, another one lives',
    rounds: 10,
    targetMs: 15_000,
    async happen(system, round) {
      kill(system, `worker-${(round % 2) + 1}`, 'SIGKILL');
      return Date.now();
    },
  },
  {
    name: 'Redis flushed',
    rounds: 5,
    targetMs: 10_000,
    async happen({ redisUrl }) {
      const redis = new Redis(redisUrl);
      await redis.flushall();
      redis.disconnect();
      return Date.now();
    },
  },
  {
    name: 'Redis killed, its folder deleted',
    rounds: 5,
    targetMs: 10_000,
    async happen(system) {
      system.wipeRedisAtStart();
      kill(system, 'redis', 'SIGKILL');
      return Date.now();
    },
  },
  {
    name: 'Postgres restarted (immediate), since it answers',
    rounds: 5,
    targetMs: 10_000,
    async happen(system) {
      kill(system, 'postgres', 'SIGQUIT');
      await waitFor('Postgres to be gone', () => system.pidOf('postgres') === null);
      await waitFor('Postgres to answer', () => answers(system.databaseUrl), { timeoutMs: 60_000 });
      return Date.now();
    },
  },
];

/** Sagas under way when it happens, in requests of so many. */
const sagasUnderWay = 300;
const perRequest = 10;
/** Slow enough that most are still under way. */
const nodeDelayMs = 400;
/** What had ended so soon was in nobody's hands that the accident hit. */
const hitAfterMs = 1_500;

/**
 * Measures how long, after each kind of accident, until the last saga that was under way has ended: no one of them goes on
 * later than that. Answers whether all medians are within their targets.
 */
export async function measureRecovery(say: (line: string) => void): Promise<boolean> {
  await using system = await startChaosSystem({
    seed: 1,
    workers: 2,
    env: productionSettings,
    journal: createJournal(),
    restartDelayMs: () => 100,
    proxy: { lateMs: [0, 0], repeatMs: 0, holdMs: 0 },
  });
  const names = Object.entries(productionSettings).map((pair) => pair.join('='));
  say(`${sagasUnderWay} sagas under way, 2 workers, ${names.join(' ')}`);
  let good = true;
  for (const { name, rounds, targetMs, happen } of accidents) {
    const tookMs: number[] = [];
    let missed = 0;
    while (tookMs.length < rounds && missed < rounds) {
      const took = await measure(system, (n) => happen(system, n), tookMs.length);
      if (took >= hitAfterMs) tookMs.push(took);
      else missed++;
    }
    tookMs.sort((a, b) => a - b);
    const median = tookMs[Math.floor(tookMs.length / 2)] ?? 0;
    const isWithin = tookMs.length > 0 ? median <= targetMs : missed > 0;
    good &&= isWithin;
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
    say(
      `${name}: median ${seconds(median)} (target ${seconds(targetMs)}), ${tookMs.map(seconds).join(', ')}${missed > 0 ? `; ${missed} times all had gone on within ${seconds(hitAfterMs)}` : ''}${isWithin ? '' : ' MISSED'}`,
    );
  }
  return good;
}

async function measure(
  system: ChaosSystem,
  happen: (round: number) => Promise<number>,
  round: number,
): Promise<number> {
  await system.ready();
  for (const node of nodeNames)
    await fetch(`${system.nodeApiUrl}/v1/faults/${node}`, {
      method: 'PUT',
      body: JSON.stringify({ delayMs: nodeDelayMs }),
    });
  const posting = Array.from({ length: sagasUnderWay / perRequest }, async (_, request) => {
    const inputs = Array.from({ length: perRequest }, (__, n) => ({
      groupId: `r${Date.now()}-${request}-${n}`,
    }));
    // Spread, so that they become many jobs, in the hands of both workers.
    await pause(request * 10);
    await fetch(`${system.orchestratorUrl}/v1/sagas/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ saga: 'create-group', inputs }),
    });
  });
  await Promise.all(posting);
  const overAt = await happen(round);
  const sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await waitFor('every saga to end', async () => (await countActive(sql)) === 0, {
      timeoutMs: 120_000,
    });
    const [row] = await sql<{ at: Date }[]>`select max(ended_at) as at from saga.sagas`;
    return row!.at.getTime() - overAt;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function countActive(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from saga.sagas where ended_at is null`;
  return row!.n;
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 1 });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 0 });
  }
}

function kill(system: ChaosSystem, name: string, signal: NodeJS.Signals): void {
  process.kill(system.pidOf(name)!, signal);
}
