import { runCommand } from './command.ts';

/** npm passes on a Ctrl-C that the terminal has sent us already: one that comes so soon is the same. */
const sameSignalMs = 1_000;
/** How long processes that were killed may take to be gone. */
const killedMs = 2_000;

/**
 * Runs the command as this process: SIGINT, SIGTERM or SIGHUP stops it (exit 0), another one after a while
 * kills what has not ended by then.
 */
export async function runAsProcess(
  args: string[],
  { checkout, folder }: { checkout: string; folder: string },
): Promise<void> {
  const stop = new AbortController();
  const kill = new AbortController();
  let stoppedAt = 0;
  const onSignal = (): void => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now();
      stop.abort();
    } else if (performance.now() - stoppedAt > sameSignalMs) {
      kill.abort();
      setTimeout(() => process.exit(1), killedMs).unref(); // the leash ends the rest
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // The bootstrap script was killed: nobody could stop us any more.
  process.on('disconnect', () => stop.abort());
  // Whoever read our output has gone (`npm start | head`): nobody watches us any more.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort());

  const exitCode = await runCommand(args, {
    checkout,
    folder,
    environment: process.env,
    write: (line) => void process.stdout.write(`${line}\n`),
    writeError: (line) => void process.stderr.write(`${line}\n`),
    stop: stop.signal,
    kill: kill.signal,
  });
  process.exit(exitCode);
}
