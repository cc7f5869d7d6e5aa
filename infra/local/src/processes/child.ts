import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { holdProcess, releaseProcess, type StopSignal } from './leash.ts';
import { waitAtMost } from '@reliable-ops/runtime';

export interface Command {
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Run as this account; only root may ask for it. */
  uid?: number | undefined;
  gid?: number | undefined;
  /** Every line it writes, on either stream. */
  onLine?: (line: string) => void;
  /** What asks it politely to end; default SIGTERM. */
  stopSignal?: StopSignal;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process we own. It ends with us, however we end. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** When it has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** When it has ended and its last line was read; processes of its own may hold its streams open. */
  readonly closed: Promise<Exit>;
  readonly running: boolean;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, and kills it after `graceMs` (10 s). Answers once it is gone. */
  stop(options?: { graceMs?: number }): Promise<Exit>;
}

const defaultGraceMs = 10_000;

/**
 * Starts a process in a group of its own: a Ctrl-C in the terminal reaches only us, and we decide in
 * which order things end. Rejects if it cannot be started at all.
 */
export async function startChild(command: Command): Promise<Child> {
  const { stopSignal = 'SIGTERM', onLine = () => {} } = command;
  const spawned = spawn(command.command, command.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: command.env ?? process.env,
    ...(command.cwd !== undefined && { cwd: command.cwd }),
    ...(command.uid !== undefined && { uid: command.uid }),
    ...(command.gid !== undefined && { gid: command.gid }),
  });
  let running = true;
  const exited = new Promise<Exit>((resolve) => {
    spawned.once('exit', (code, signal) => {
      running = false;
      if (spawned.pid !== undefined) releaseProcess(spawned.pid);
      resolve({ code, signal });
    });
  });
  const closed = new Promise<Exit>((resolve) => {
    spawned.once('close', (code, signal) => resolve({ code, signal }));
  });
  for (const stream of [spawned.stdout, spawned.stderr]) {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
  }
  const pid = await new Promise<number>((resolve, reject) => {
    spawned.once('error', reject);
    spawned.once('spawn', () => resolve(spawned.pid!));
  });
  spawned.on('error', () => {}); // a signal that could not be sent: `stop` sees that it still runs
  holdProcess(pid, stopSignal);
  if (!running) releaseProcess(pid);

  const stop = async ({ graceMs = defaultGraceMs } = {}): Promise<Exit> => {
    if (running) spawned.kill(stopSignal);
    const exit = await waitAtMost(graceMs, exited);
    if (exit) return exit;
    spawned.kill('SIGKILL');
    return exited;
  };
  return {
    pid,
    exited,
    closed,
    get running() {
      return running;
    },
    kill: (signal) => void (running && spawned.kill(signal)),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}
