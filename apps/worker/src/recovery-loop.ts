import type { Logger } from '@reliable-ops/runtime';
import type { RecoveryPass } from '@reliable-ops/saga';

export interface RecoveryLoop {
  stop(): void;
  /** Resolves when no pass is under way. */
  idle(): Promise<void>;
}

/** Makes a recovery pass at once and then every `intervalMs`, one after another. A pass that fails (Postgres or Redis away) is made again. */
export function startRecovery({
  pass,
  intervalMs,
  logger,
}: {
  pass: () => Promise<RecoveryPass>;
  intervalMs: number;
  logger: Logger;
}): RecoveryLoop {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay = Promise.resolve();

  const make = async (): Promise<void> => {
    try {
      const { rebuilt, added } = await pass();
      if (rebuilt && added > 0)
        logger.warn({ added }, 'the queue had lost its jobs: published what the outbox owes');
      else if (added > 0) logger.warn({ added }, 'published jobs that were missing');
    } catch (error) {
      logger.warn({ err: error }, 'recovery could not look: it will again');
    }
    if (!stopped) timer = setTimeout(begin, intervalMs);
  };
  const begin = (): void => {
    underWay = make();
  };
  begin();

  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
    idle: () => underWay,
  };
}
