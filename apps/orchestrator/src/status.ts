import type { StatusView } from '@reliable-ops/contracts';
import { appliedMigrations, knownMigrations, type Sql } from '@reliable-ops/database';
import type { Logger } from '@reliable-ops/runtime';
import type { BullmqQueue, SagaLog } from '@reliable-ops/saga';
import { Hono } from 'hono';
import { countJobs } from './count-jobs.ts';
import { within } from './within.ts';

/** Milliseconds that each part may take before it counts as not reachable. */
const partLimitMs = 3_000;

export interface StatusOptions {
  version: string;
  sql: Sql;
  log: SagaLog;
  queue: BullmqQueue;
  logger: Logger;
}

/** GET /v1/status: always 200; what is not reachable is null. */
export function statusRoutes({ version, sql, log, queue, logger }: StatusOptions): Hono {
  const orNull = async <T>(part: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await within(partLimitMs, read());
    } catch (error) {
      logger.debug({ err: error, part }, 'status');
      return null;
    }
  };
  return new Hono().get('/v1/status', async (context) => {
    const [postgres, redis, queues, paused, outbox, sagas] = await Promise.all([
      orNull('postgres', () => readPostgres(sql)),
      orNull('redis', () => readRedis(queue)),
      orNull('queues', () => countJobs(queue)),
      orNull('paused', async () => (await log.readPauses()).map(({ participant }) => participant)),
      orNull('outbox', () => readOutbox(log)),
      orNull('sagas', () => log.countActive()),
    ]);
    return context.json({
      version,
      postgres,
      redis,
      queues,
      paused,
      outbox,
      sagas,
    } satisfies StatusView);
  });
}

async function readPostgres(sql: Sql): Promise<NonNullable<StatusView['postgres']>> {
  const [[row], applied] = await Promise.all([
    sql<{ version: string }[]>`select current_setting('server_version') as version`,
    appliedMigrations(sql),
  ]);
  return { version: row!.version, migrations: { applied, known: knownMigrations() } };
}

async function readRedis(queue: BullmqQueue): Promise<NonNullable<StatusView['redis']>> {
  const [, version] =
    /^(?:valkey|redis)_version:(\S+)/m.exec(await queue.redis.info('server')) ?? [];
  if (version === undefined) throw new Error('Redis does not tell its version');
  return { version };
}

async function readOutbox(log: SagaLog): Promise<NonNullable<StatusView['outbox']>> {
  const { rows, oldestDueAt } = await log.measureOutbox();
  const overdueMs = oldestDueAt === null ? 0 : Math.max(0, Date.now() - oldestDueAt);
  return { rows, oldestOverdueSeconds: overdueMs / 1_000 };
}
