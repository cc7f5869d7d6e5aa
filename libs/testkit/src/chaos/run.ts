import postgres from 'postgres';
import { nodeNames } from '../nodes.ts';
import { createRandom } from '../random.ts';
import { waitFor } from '../wait-for.ts';
import { check, type Finding } from './check.ts';
import { runClient, type RequestRecord } from './client.ts';
import { createJournal, type Journal } from './journal.ts';
import { planLoad } from './load.ts';
import { createNemesis } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { describeMove, drawSchedule, type Move, type MoveKind } from './schedule.ts';
import { readState, type State } from './state.ts';
import { startChaosSystem } from './system.ts';

export interface ChaosResult {
  schedule: Move[];
  hits: Map<MoveKind, number>;
  restarts: Map<string, number>;
  record: RequestRecord[];
  state: State;
  findings: Finding[];
  /** Milliseconds since 1970. */
  healedAt: number;
  /** Whether all had ended in time. */
  ended: boolean;
  journal: Journal;
}

const workers = ['worker-1', 'worker-2'];
const jobLockMs = 2_000;
const callTimeoutMs = 1_000;
/** How long everything may take to end once nothing is in its way any more. */
export const endWithinMs = 60_000;

const env = {
  JOB_LOCK: `${jobLockMs}ms`,
  RECOVERY_INTERVAL: '1s',
  CALL_TIMEOUT: `${callTimeoutMs}ms`,
  // Low enough to be reached in an outage: then requests are refused, and come again.
  MAX_ACTIVE_SAGAS: '200',
};

/** Starts a system, puts it under load, lets the nemesis at it, heals it, waits for the end and checks. */
export async function runChaos(
  { seed, seconds, sagas }: ChaosOptions,
  say: (line: string) => void,
): Promise<ChaosResult> {
  const schedule = drawSchedule({ seed, seconds, workers, nodes: nodeNames, lockMs: jobLockMs });
  const requests = planLoad({ seed, seconds, sagas });
  say('schedule:');
  for (const move of schedule) say(describeMove(move));
  const journal = createJournal();
  const restartDelays = createRandom(seed, 'restarts');
  await using system = await startChaosSystem({
    seed,
    workers: workers.length,
    env,
    journal,
    restartDelayMs: () => restartDelays.between(50, 1_000),
    proxy: {
      lateMs: [callTimeoutMs + 200, callTimeoutMs + 6_000],
      repeatMs: 5_000,
      holdMs: 500,
    },
  });
  const nemesis = createNemesis(schedule, nodeNames, system);
  system.listen(nemesis);
  say(`started; ${requests.length} requests, ${schedule.length} moves in ${seconds} s`);

  const since = performance.now();
  const clock = (): number => performance.now() - since;
  const giveUp = new AbortController();
  const client = runClient({
    orchestratorUrl: system.orchestratorUrl,
    requests,
    clock,
    giveUp: giveUp.signal,
  });
  await nemesis.run(clock);
  await nemesis.heal();
  const healedAt = Date.now();
  say(`healed after ${(clock() / 1_000).toFixed(1)} s; waiting for the end`);

  const sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const patience = setTimeout(() => giveUp.abort(), endWithinMs);
    const record = await client;
    clearTimeout(patience);
    await system.proxy.idle();
    const leftMs = Math.max(1_000, healedAt + endWithinMs - Date.now());
    const ended = await waitFor('the end', () => hasEnded(sql), {
      timeoutMs: leftMs,
      everyMs: 100,
    }).then(
      () => true,
      () => false,
    );
    const state = await readState(sql, nodeNames);
    return {
      schedule,
      hits: nemesis.hits(),
      restarts: system.restarts(),
      record,
      state,
      findings: check(state, record),
      healedAt,
      ended,
      journal,
    };
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function hasEnded(sql: postgres.Sql): Promise<boolean> {
  const [left] = await sql<{ n: number }[]>`
    select ((select count(*) from saga.sagas where ended_at is null) + (select count(*) from saga.outbox))::int as n`;
  return left!.n === 0;
}
