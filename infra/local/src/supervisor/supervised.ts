import { setTimeout as pause } from 'node:timers/promises';
import type { Exit } from '../processes/child.ts';
import { backOffMs as usualBackOffMs, keepsDyingAfter, steadyAfterMs } from './back-off.ts';

/** What runs: a process of ours, a Postgres, a Redis. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<unknown>;
}

export interface SuperviseOptions {
  name: string;
  start: () => Promise<Running>;
  /** What a person should read. */
  say: (line: string) => void;
  /** Its pid has changed. */
  changed: () => void;
  /** It ended though nobody asked it to. */
  died?: (death: { deaths: number; exit: Exit }) => void;
  /** Milliseconds to wait before the next start, after so many deaths in a row. */
  backOffMs?: (deaths: number) => number;
}

/** A process that is started again whenever it ends, until `stop`. */
export interface Supervised {
  readonly name: string;
  /** null while it does not run. */
  readonly pid: number | null;
  /** Ends it for good; bounded by what the process's own `stop` allows. */
  stop(): Promise<void>;
  /** No more patience: a `stop` under way ends at once. */
  kill(): void;
}

/** Starts it; throws what the first start throws. Later failures to start count as deaths. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { name, say, changed, backOffMs = usualBackOffMs } = options;
  const stopping = new AbortController();
  let running: Running | undefined = await options.start();
  let startedAt = performance.now();
  let deaths = 0;
  changed();

  const startAgain = async (): Promise<Running | undefined> => {
    for (;;) {
      try {
        await pause(backOffMs(deaths), undefined, { signal: stopping.signal });
      } catch {
        return undefined;
      }
      try {
        return await options.start();
      } catch (error) {
        deaths++;
        say(`does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const watch = async (): Promise<void> => {
    while (running) {
      const exit = await running.exited;
      running = undefined;
      if (stopping.signal.aborted) break;
      deaths = performance.now() - startedAt >= steadyAfterMs ? 1 : deaths + 1;
      changed();
      say(describeDeath(exit, deaths));
      options.died?.({ deaths, exit });
      running = await startAgain();
      startedAt = performance.now();
      if (stopping.signal.aborted) await running?.stop();
      else changed();
    }
    running = undefined;
    changed();
  };
  const watching = watch();

  return {
    name,
    get pid() {
      return running?.pid ?? null;
    },
    async stop() {
      stopping.abort();
      await running?.stop();
      await watching;
    },
    kill: () => running?.kill('SIGKILL'),
  };
}

function describeDeath({ code, signal }: Exit, deaths: number): string {
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  if (deaths < keepsDyingAfter) return `${how}; starting it again`;
  return `${how}, ${deaths} times in a row now: it keeps dying; next start in ${usualBackOffMs(deaths) / 1_000} s`;
}
