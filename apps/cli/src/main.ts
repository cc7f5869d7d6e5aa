import { constants } from 'node:os';
import { InterruptedError } from './errors.ts';
import { restoreTerminal } from './bar.ts';
import { run } from './run.ts';

const interrupt = new AbortController();

// A second signal does not wait for us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  const exitCode = 128 + constants.signals[signal];
  process.on(signal, () => {
    if (interrupt.signal.aborted) {
      if (process.stderr.isTTY && process.env['TERM'] !== 'dumb')
        process.stderr.write(restoreTerminal);
      process.exit(exitCode);
    }
    interrupt.abort(new InterruptedError(exitCode));
  });
}

// `rops list | head`: nobody reads any more, which is no error. A full disk is one.
const endUnwritten = (error: NodeJS.ErrnoException): void => {
  process.stderr.write(`rops: cannot write the result: ${error.message}\n`);
  process.exit(1);
};
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return interrupt.abort(new InterruptedError(0));
  endUnwritten(error);
});
process.stderr.on('error', () => {}); // there is nobody left to tell

const exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: interrupt.signal,
});
// Not by running dry: a kept connection may hold the process for seconds.
process.stdout.write('', () => {
  // Heard of here before there is an event: a file is written at once.
  const error: NodeJS.ErrnoException | null = process.stdout.errored;
  if (error && error.code !== 'EPIPE') endUnwritten(error);
  process.exit(exitCode);
});
