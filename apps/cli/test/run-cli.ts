import { PassThrough } from 'node:stream';
import { run, type Output } from '@reliable-ops/cli';
import { InterruptedError } from '../src/errors.ts';

export interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A stream that keeps what was written to it. */
function capture({
  isTTY,
  columns,
}: {
  isTTY: boolean;
  columns: number;
}): Output & { text: () => string } {
  const parts: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (part: Buffer) => parts.push(part));
  return Object.assign(stream, {
    isTTY,
    columns,
    text: () => Buffer.concat(parts).toString(),
  });
}

/** Runs a command line in this process. `until` is asked after each line of output: true presses Ctrl-C. */
export async function runCli(
  argv: string[],
  {
    url,
    env = {},
    cwd = '/',
    isTTY = false,
    columns = 120,
    patienceMs,
    until = () => false,
  }: {
    url?: string;
    env?: Record<string, string>;
    cwd?: string;
    isTTY?: boolean;
    columns?: number;
    patienceMs?: number;
    until?: (output: string) => boolean;
  } = {},
): Promise<Ended> {
  const stdout = capture({ isTTY, columns });
  const stderr = capture({ isTTY, columns });
  const interrupt = new AbortController();
  for (const stream of [stdout, stderr]) {
    stream.on('data', () => {
      if (until(stdout.text() + stderr.text())) interrupt.abort(new InterruptedError());
    });
  }
  const exitCode = await run(argv, {
    stdout,
    stderr,
    env: { ...(url === undefined ? {} : { ROPS_URL: url }), ...env },
    cwd,
    signal: interrupt.signal,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}
