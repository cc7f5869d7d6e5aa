import { createComplaints, type Logger } from '@reliable-ops/runtime';
import type { BullmqQueue, RecoveryPass } from '@reliable-ops/saga';

export interface RecoveryLoop {
  stop(): void;
  /** Resolves when no pass is under way. */
  idle(): Promise<void>;
}

export interface RecoveryLoopOptions {
  queue: BullmqQueue;
  pass(): Promise<RecoveryPass>;
  intervalMs: number;
  logger: Logger;
}

/**
 * Makes a recovery pass every `intervalMs` after the last one, and at once when Redis comes (back): it may have lost
 * its jobs. A pass that fails (Postgres away) is made again.
 */
export function startRecovery({
  queue,
  pass,
  intervalMs,
  logger,
}: RecoveryLoopOptions): RecoveryLoop {
  const complain = createComplaints(logger, 'recovery could not look: it will again');
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  const make = async (): Promise<void> => {
    if (!queue.isConnected()) return;
    try {
      const { rebuilt, added } = await pass();
      if (rebuilt && added > 0)
        logger.warn({ added }, 'the queue had lost its jobs: published what the outbox owes');
      else if (added > 0) logger.warn({ added }, 'published jobs that were missing');
    } catch (error) {
      complain(error as Error);
    }
  };
  const begin = (): void => {
    if (stopped || underWay) return;
    clearTimeout(timer);
    underWay = make().then(() => {
      underWay = undefined;
      if (!stopped) timer = setTimeout(begin, intervalMs);
    });
  };
  queue.redis.on('ready', begin);
  begin();

  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
    idle: () => underWay ?? Promise.resolve(),
  };
}
