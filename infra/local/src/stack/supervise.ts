import { setTimeout as pause } from 'node:timers/promises';
import type { Exit } from '../processes/child.ts';

/** A process as its supervisor sees it. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stop(): Promise<unknown>;
}

export interface UnitOptions {
  name: string;
  url: string | null;
  launch(): Promise<Running>;
  /** Told of each start and each end. */
  onChange(): void;
  /** What a person should read. */
  say(line: string): void;
}

export interface Unit {
  readonly name: string;
  readonly url: string | null;
  /** null while it is on its way back. */
  readonly pid: number | null;
  /** Starts it for the first time; rejects if that fails. From then on it is started again whenever it ends. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds before a process that has died is started again: doubled each time, and forgotten once it has lived a while. */
const firstDelayMs = 100;
const longestDelayMs = 5_000;
const livedMs = 10_000;
/** Deaths in a row after which it "keeps dying". */
const manyDeaths = 5;

export function createUnit({ name, url, launch, onChange, say }: UnitOptions): Unit {
  let running: Running | undefined;
  let deaths = 0;
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;

  const watch = async (): Promise<void> => {
    while (!isStopping() && running) {
      const startedAt = Date.now();
      const exit = await running.exited;
      running = undefined;
      if (isStopping()) return;
      deaths = Date.now() - startedAt > livedMs ? 1 : deaths + 1;
      onChange();
      const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (deaths - 1));
      say(`${name} ended (${describe(exit)}); it starts again in ${delayMs / 1_000} s`);
      if (deaths === manyDeaths)
        say(
          `${name} keeps dying: read its lines above; it is tried again every ${longestDelayMs / 1_000} s`,
        );
      await relaunch(delayMs);
    }
  };

  const relaunch = async (delayMs: number): Promise<void> => {
    for (let nextMs = delayMs; !isStopping(); nextMs = longestDelayMs) {
      await pause(nextMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (isStopping()) return;
      try {
        running = await launch();
        onChange();
        return;
      } catch (error) {
        say(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };

  let watched: Promise<void> | undefined;
  return {
    name,
    url,
    get pid() {
      return running?.pid ?? null;
    },
    async start() {
      running = await launch();
      onChange();
      watched = watch();
    },
    async stop() {
      stopping.abort();
      await running?.stop();
      await watched;
      // A launch that was under way when we were told to stop.
      await running?.stop();
    },
  };
}

const describe = ({ code, signal }: Exit): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`;
