import { setTimeout as pause } from 'node:timers/promises';
import type { NodeFaults } from '@reliable-ops/contracts';
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
  /** What the nodes do until it happens: so that work is in the workers' hands, or waits in Redis for its next attempt. */
  faults: Partial<NodeFaults>;
  /** All that ended sooner shows that it hit nothing: another round. */
  hitAfterMs?: number;
  /** Makes it happen; answers when it was over, in milliseconds since 1970: from then on sagas could go on. */
  happen(system: ChaosSystem, round: number): Promise<number>;
}

/** Slow enough that most sagas are still under way when it happens. */
const slow: Partial<NodeFaults> = { delayMs: 400 };
const failing: Partial<NodeFaults> = { error: 1 };

const accidents: Accident[] = [
  {
    name: 'worker killed, another one lives',
    rounds: 10,
    targetMs: 15_000,
    faults: slow,
    hitAfterMs: 1_500,
    async happen(system, round) {
      kill(system, `worker-${(round % 2) + 1}`, 'SIGKILL');
      return Date.now();
    },
  },
  {
    name: 'Redis flushed',
    rounds: 7,
    targetMs: 10_000,
    faults: failing,
    async happen({ redisUrl }) {
      const redis = new Redis(redisUrl);
      await redis.flushall();
      redis.disconnect();
      return Date.now();
    },
  },
  {
    name: 'Redis killed, its folder deleted',
    rounds: 7,
    targetMs: 10_000,
    faults: failing,
    async happen(system) {
      system.wipeRedisAtStart();
      kill(system, 'redis', 'SIGKILL');
      return Date.now();
    },
  },
  {
    name: 'Postgres restarted (immediate), since it answers',
    rounds: 9,
    targetMs: 10_000,
    faults: slow,
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
/** How long the nodes are failing before it happens: after some attempts all sagas wait for the next one. */
const failingMs = 1_500;

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
  for (const accident of accidents) {
    const { name, rounds, targetMs } = accident;
    const tookMs: number[] = [];
    for (let round = 0; tookMs.length < rounds && round < 2 * rounds; round++) {
      const took = await measure(system, accident, round);
      if (took >= (accident.hitAfterMs ?? 0)) tookMs.push(took);
    }
    tookMs.sort((a, b) => a - b);
    const median = tookMs[Math.floor(tookMs.length / 2)] ?? Infinity;
    good &&= median <= targetMs;
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
    say(
      `${name}: median ${seconds(median)}${median <= targetMs ? '' : ' MISSED'} (target ${seconds(targetMs)}): ${tookMs.map(seconds).join(', ')}`,
    );
  }
  return good;
}

async function measure(
  system: ChaosSystem,
  { faults, happen }: Accident,
  round: number,
): Promise<number> {
  await system.ready();
  await setFaults(system, faults);
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
  if (faults === failing) {
    await pause(failingMs);
    await setFaults(system, {});
  }
  const overAt = await happen(system, round);
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

async function setFaults({ nodeApiUrl }: ChaosSystem, faults: Partial<NodeFaults>): Promise<void> {
  for (const node of nodeNames)
    await fetch(`${nodeApiUrl}/v1/faults/${node}`, { method: 'PUT', body: JSON.stringify(faults) });
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
