import { fileURLToPath } from 'node:url';
import { startChild, type Child, type Exit } from '@reliable-ops/local';
import { argumentsOf } from './app-arguments.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** One process of ours, which a test may kill and start again. */
export interface AppProcess {
  name: string;
  /** Undefined while it does not run. */
  pid: number | undefined;
  /** Starts it; resolves when it is ready. */
  start(): Promise<void>;
  /** Resolves when it has ended. SIGKILL leaves it no time for anything. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
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

/** Starts one of our processes, with nothing of our own environment but what every program needs. */
export function startApp(
  { app, env }: Pick<AppProcessOptions, 'app' | 'env'>,
  onLine: (line: string) => void,
): Promise<Child> {
  const { PATH = '', HOME = '' } = process.env;
  return startChild({
    command: process.execPath,
    args: argumentsOf(app),
    cwd: root,
    env: { PATH, HOME, ...env },
    onLine,
  });
}

/** The process ends with the test's own, however that ends: a killed jest leaves none running. */
export function createAppProcess({ name, app, env, isReady }: AppProcessOptions): AppProcess {
  let child: Child | undefined;
  let output = '';

  return {
    name,
    get pid() {
      return child?.running === true ? child.pid : undefined;
    },
    async start() {
      if (child?.running === true) throw new Error(`${name} runs already`);
      const started = await startApp({ app, env }, (line) => {
        output = `${output}${line}\n`.slice(-keptOutput);
      });
      child = started;
      while (!(await isReady())) {
        if (!started.running) throw new Error(`${name} ended before it was ready:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    async kill(signal) {
      if (child?.running !== true) throw new Error(`${name} does not run:\n${output}`);
      child.kill(signal);
      return child.closed;
    },
    output: () => output,
  };
}
