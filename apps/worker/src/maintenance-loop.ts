import { createComplaints, type Logger } from '@reliable-ops/runtime';
import type { MaintenancePass } from '@reliable-ops/saga';

export interface MaintenanceLoop {
  /** No pass begins any more; one that is under way ends after the page it is at. */
  stop(): void;
  /** Resolves when no pass is under way. */
  idle(): Promise<void>;
}

export interface MaintenanceLoopOptions {
  pass(signal: AbortSignal): Promise<MaintenancePass>;
  intervalMs: number;
  logger: Logger;
}

/** Makes a maintenance pass at once, and then every `intervalMs` after the last one. A pass that fails is made again. */
export function startMaintenance({
  pass,
  intervalMs,
  logger,
}: MaintenanceLoopOptions): MaintenanceLoop {
  const complain = createComplaints(logger, 'maintenance failed: it will be tried again');
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  const make = async (): Promise<void> => {
    try {
      const { isMade, sagas, requests, floor, pruned } = await pass(stopping.signal);
      for (const { participant, error } of pruned)
        if (error !== null && !stopping.signal.aborted)
          complain(new Error(`${participant} was not pruned: ${error}`));
      if (isMade) logger.info({ sagas, requests, floor, pruned }, 'removed what is old');
    } catch (error) {
      complain(error as Error);
    }
  };
  const begin = (): void => {
    underWay = make().then(() => {
      underWay = undefined;
      if (!stopping.signal.aborted) timer = setTimeout(begin, intervalMs);
    });
  };
  begin();

  return {
    stop() {
      stopping.abort();
      clearTimeout(timer);
    },
    idle: () => underWay ?? Promise.resolve(),
  };
}
