import { setFlagsFromString } from 'node:v8';
import { ConfigError } from './config.ts';
import type { Logger } from './logging.ts';

/** How long a process may take to stop before it ends anyway (its supervisor may be less patient). */
const stopDeadlineMs = 10_000;

/**
 * How much garbage may lie about before it is collected, in per cent of what was in use after the last time. V8's own choice goes
 * up to 300 where there is much memory, and a worker under load from 100 MB in use to over 400; it costs no CPU that can be seen.
 */
const heapGrowingPercent = 60;

/**
 * Runs a process: crash-only.
 * - `start` throws ConfigError: its message, exit 1. It throws anything else: logged, exit 1.
 * - an exception nobody caught: logged, exit 1. The supervisor starts us again; what matters is in Postgres.
 * - SIGTERM or SIGINT: `stop()` (what `start` answered), then exit 0; at once on a second signal, exit 1 past the deadline.
 */
export async function runProcess(
  logger: Logger,
  start: () => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  const crash = (error: unknown): void => {
    logger.fatal(
      { err: error },
      'unexpected error: this process ends, its supervisor starts it again',
    );
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  let stop = async (): Promise<void> => {};
  let stopping = false;
  const end = (signal: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => {
      logger.error({ deadlineMs: stopDeadlineMs }, 'not stopped in time: this process ends anyway');
      process.exit(1);
    }, stopDeadlineMs).unref();
    stop().then(() => process.exit(0), crash);
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));

  try {
    const running = await start();
    stop = () => running.stop();
  } catch (error) {
    if (!(error instanceof ConfigError)) return crash(error);
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Asks `isReady` until it says yes: at once, then every `everyMs`, saying once a while what is awaited, and why as far as it was told. */
export async function waitUntil(
  what: string,
  isReady: (tellWhyNot: (reason: string) => void) => Promise<boolean>,
  { logger, everyMs = 500 }: { logger: Logger; everyMs?: number },
): Promise<void> {
  let reason: string | undefined;
  const tellWhyNot = (told: string): void => void (reason = told);
  for (let asked = 0; !(await isReady(tellWhyNot)); asked++) {
    if (asked % 20 === 0) logger.warn({ reason }, `waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
