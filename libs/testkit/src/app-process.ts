import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** One process of ours, which a test may kill and start again. */
export interface AppProcess {
  name: string;
  /** Undefined while it does not run. */
  pid: number | undefined;
  /** Starts it; resolves when it is ready. */
  start(): Promise<void>;
  /** Resolves when it has ended. SIGKILL leaves it no time for anything. */
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** What it has printed, over all its starts. */
  output(): string;
}

export interface AppProcessOptions {
  name: string;
  /** The folder under apps/. */
  app: string;
  env: Record<string, string>;
  /** Asked until it says yes. */
  isReady(): Promise<boolean>;
}

/** The most that is kept of a process's output, in characters. */
const keptOutput = 20_000;

export function createAppProcess({ name, app, env, isReady }: AppProcessOptions): AppProcess {
  let child: ChildProcess | undefined;
  let output = '';
  const keep = (text: Buffer): void => {
    output = (output + String(text)).slice(-keptOutput);
  };
  const runs = (): boolean =>
    child !== undefined && child.exitCode === null && child.signalCode === null;

  return {
    name,
    get pid() {
      return runs() ? child?.pid : undefined;
    },
    async start() {
      if (runs()) throw new Error(`${name} runs already`);
      const { PATH = '', HOME = '' } = process.env;
      child = spawn(process.execPath, ['--import', 'tsx', `apps/${app}/src/main.ts`], {
        cwd: root,
        env: { PATH, HOME, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout?.on('data', keep);
      child.stderr?.on('data', keep);
      while (!(await isReady())) {
        if (!runs()) throw new Error(`${name} ended before it was ready:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    async kill(signal) {
      const running = child;
      if (!running || !runs()) throw new Error(`${name} does not run:\n${output}`);
      const ended = once(running, 'exit');
      running.kill(signal);
      await ended;
      return { code: running.exitCode, signal: running.signalCode };
    },
    output: () => output,
  };
}
