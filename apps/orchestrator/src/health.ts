import { isReady, type Sql } from '@reliable-ops/database';
import type { Logger } from '@reliable-ops/runtime';
import type { BullmqQueue } from '@reliable-ops/saga';
import { Hono } from 'hono';
import { within } from './within.ts';

/** Milliseconds that a probe may take: those who probe are impatient. */
const probeLimitMs = 2_000;

export interface HealthOptions {
  sql: Sql;
  queue: Pick<BullmqQueue, 'isConnected'>;
  logger: Logger;
}

/** /healthz: the process is alive. /readyz: it can accept, which takes Postgres with all migrations; Redis it does not take. */
export function healthRoutes({ sql, queue, logger }: HealthOptions): Hono {
  return new Hono()
    .get('/healthz', (context) => context.json({ alive: true }))
    .get('/readyz', async (context) => {
      const ready = await within(probeLimitMs, isReady(sql)).catch((error: unknown) => {
        logger.warn({ err: error }, 'not ready');
        return false;
      });
      const redis = queue.isConnected() ? 'connected' : 'away';
      return context.json({ ready, redis }, ready ? 200 : 503);
    });
}
