import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stackFile, type StackFile } from '@reliable-ops/contracts';
import { findFreePort, holdProcess, releaseProcess } from '@reliable-ops/local';
import { createTemporaryFolder, provideRedis, waitFor } from '@reliable-ops/testkit';

const script = fileURLToPath(new URL('stack-process.ts', import.meta.url));

export interface Run {
  pid: number;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
}

/** A folder in place of `.local`, ports of its own, and stacks started on them. */
export interface Place extends AsyncDisposable {
  folder: string;
  ports: { ORCHESTRATOR_PORT: string; NODE_API_PORT: string; METRICS_PORT: string };
  run(args: string[], env?: Record<string, string>): Run;
  /** Runs, and answers once it is ready. */
  start(args?: string[], env?: Record<string, string>): Promise<Run>;
  /** stack.json; undefined when there is none. */
  read(): StackFile['processes'] | undefined;
  pidOf(name: string): number | null | undefined;
}

export async function createPlace(): Promise<Place> {
  const home = await createTemporaryFolder('stack');
  const folder = join(home.path, 'local');
  const bin = join(home.path, 'bin');
  await provideRedis(bin);
  const ports = {
    ORCHESTRATOR_PORT: String(await findFreePort()),
    NODE_API_PORT: String(await findFreePort()),
    METRICS_PORT: '0',
  };
  const runs: Run[] = [];
  const run = (args: string[], env: Record<string, string> = {}): Run => {
    const { PATH = '', HOME = '' } = process.env;
    const given = { PATH: `${bin}${delimiter}${PATH}`, HOME, ...ports, ...env };
    const started = runStack([folder, ...args], given);
    runs.push(started);
    return started;
  };
  const read = () => {
    try {
      return stackFile.parse(JSON.parse(readFileSync(join(folder, 'stack.json'), 'utf8')))
        .processes;
    } catch {
      return undefined;
    }
  };
  return {
    folder,
    ports,
    run,
    async start(args = ['start'], env = {}) {
      const started = run(args, env);
      await waitFor('the stack to be ready', () => started.stdout().includes('Ctrl-C stops it'), {
        timeoutMs: 40_000,
        explain: () => started.stdout() + started.stderr(),
      });
      return started;
    },
    read,
    pidOf: (name) => read()?.find((process) => process.name === name)?.pid,
    async [Symbol.asyncDispose]() {
      for (const { kill, exited } of runs) {
        kill('SIGTERM');
        await exited;
      }
      await home[Symbol.asyncDispose]();
    },
  };
}

function runStack(args: string[], env: Record<string, string>): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const pid = child.pid!;
  holdProcess(pid, 'SIGTERM');
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += String(text)));
  child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => {
      releaseProcess(pid);
      resolve({ code, signal });
    }),
  );
  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    kill: (signal) => void child.kill(signal),
  };
}

/** Whether a process of that number runs; one that is dead and not yet reaped does not. */
export function isRunning(pid: number | null | undefined): boolean {
  if (pid === null || pid === undefined) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}
