import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startClientProcess, type ClientProcess } from '../client-process.ts';
import { nodes } from '../client.ts';
import { idsOf, idsOfBatch, offeredTogether, type Offered } from '../clients/orders.ts';
import { checkout, startEnvironment, type Environment } from '../environment.ts';
import { writeResult } from '../result.ts';
import { startSystem } from '../system.ts';
import { verifyIds } from '../verify.ts';
import { judgeOverload } from './judge.ts';
import { formatOverload } from './table.ts';
import { startWatch, type Watch } from './watch.ts';

/** Low enough to be reached within seconds; what is shown holds for any other bound as well. */
const bound = 20_000;
const factor = 3;
const warmUpSagas = 5_000;
const drainWithinMs = 120_000;
/** After the end: garbage is collected, connections come to rest. */
const settleMs = 5_000;
/** Clients of an open loop do not wait for each other's connections. */
const openConnections = 256;

/**
 * Measures what is sustainable, offers three times as much, and lets it drain. Exit 1 where something accepted was lost, memory
 * grew, or more was active than the bound allows.
 */
export async function runOverload(
  { sagas, seconds, errors }: { sagas: number; seconds: number; errors: number },
  write: (line: string) => void,
): Promise<number> {
  await using environment = await startEnvironment({ say: write });
  const { postgres, redis, sql } = environment;
  await using system = await startSystem(
    environment,
    { system: { workers: 1, protocol: 'fenced' } },
    { errors, settings: { MAX_ACTIVE_SAGAS: String(bound) } },
  );
  await using closedLoop = await connect('bulk', 4);
  await using openLoop = await connect('open-loop', openConnections);

  await closedLoop.ask({ change: 'create', prefix: 'w', sagas: warmUpSagas });
  const measured = await closedLoop.ask({ change: 'create', prefix: 's', sagas });
  const sustainable = sagas / measured.seconds;
  write(
    `sustainable: ${sustainable.toFixed(0)} sagas/s (${sagas} of them, 4 batches of ${offeredTogether} in flight)`,
  );
  write(`now ${factor} x as many for ${seconds} s; MAX_ACTIVE_SAGAS is ${bound}`);

  const processes = { ...system.processes, Postgres: [postgres.pid], Redis: [redis.pid] };
  const watch = startWatch(sql, processes);
  try {
    const rate = factor * sustainable;
    const { offered } = await openLoop.ask({ offer: { rate, seconds } });
    const offeredMs = watch.nowMs();
    const drainedMs = await untilDrained(watch);
    await pause(settleMs);
    const looks = watch.looks.filter(({ atMs }) => atMs <= offeredMs);
    const notCompleted = await verify(environment, sagas, offered!);
    const count = (of: 'accepted' | 'refused'): number =>
      offeredTogether * offered!.bySecond.reduce((sum, second) => sum + second[of], 0);
    const result = {
      at: new Date().toISOString(),
      bound,
      sustainable,
      rate,
      seconds,
      offered: offered!,
      acceptedSagas: count('accepted'),
      refusedSagas: count('refused'),
      drainSeconds: drainedMs === null ? null : (drainedMs - offeredMs) / 1_000,
      looks: watch.looks,
    };
    const violations = judgeOverload({ ...result, looks, notCompleted });
    write(formatOverload(result));
    for (const violation of violations) write(`violated: ${violation}`);
    if (violations.length === 0)
      write('held: nothing accepted was lost, memory is flat, the bound was kept, it drained');
    write(`written to ${await writeResult({ ...result, violations }, 'overload')}`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await watch[Symbol.asyncDispose]();
  }

  async function connect(module: string, inFlight: number): Promise<ClientProcess> {
    const client = await startClientProcess();
    const { nodeApiUrl, orchestratorUrl } = system;
    const { databaseUrl } = environment;
    await client.ask({
      connect: join(checkout, `bench/src/clients/${module}.ts`),
      settings: { inFlight, errors, nodeApiUrl, orchestratorUrl, databaseUrl, redisUrl: redis.url },
    });
    return client;
  }
}

/** When nothing was active any more, in milliseconds of the watch; null: it never was so. */
async function untilDrained(watch: Watch): Promise<number | null> {
  const deadline = watch.nowMs() + drainWithinMs;
  const from = watch.looks.length;
  while (watch.nowMs() < deadline) {
    const drained = watch.looks
      .slice(from)
      .find(({ active, outboxRows }) => active + outboxRows === 0);
    if (drained) return drained.atMs;
    await pause(100);
  }
  return null;
}

/** Throws unless every node holds exactly the groups of what was accepted; answers how many accepted sagas have not completed. */
async function verify({ sql }: Environment, sagas: number, offered: Offered): Promise<number> {
  const expected = [
    ...idsOf('w', warmUpSagas),
    ...idsOf('s', sagas),
    ...offered.accepted.flatMap((batch) => idsOfBatch(batch)),
  ];
  for (const node of nodes) {
    const rows = await sql<{ id: string }[]>`
      select group_id as id from ${sql(node)}.groups where present`;
    verifyIds(
      node,
      rows.map(({ id }) => id),
      expected,
    );
  }
  const [row] = await sql<[{ n: number }]>`
    select count(*)::int as n from saga.sagas where status = 'completed'`;
  return expected.length - row.n;
}
