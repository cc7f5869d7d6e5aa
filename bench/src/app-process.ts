import { setTimeout as pause } from 'node:timers/promises';
import { nodeArguments, startChild, type Child } from '@reliable-ops/local';
import { checkout } from './environment.ts';

export interface AppProcessOptions {
  name: string;
  /** The folder under apps/. */
  app: 'node-api' | 'orchestrator' | 'worker';
  env: Record<string, string>;
  /** Answers 200 once it is ready; without, it is ready when it runs. */
  readyUrl?: string;
  /** In a folder of its name in here it writes a CPU profile of each of its threads when it ends. */
  profileFolder?: string | undefined;
}

const startTimeoutMs = 30_000;

/** Starts one process of ours, as the local stack does, and waits until it is ready. */
export async function startApp(options: AppProcessOptions): Promise<Child> {
  const { name, app, env, readyUrl, profileFolder } = options;
  let output = '';
  const profile =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}/${name}`];
  const child = await startChild({
    command: process.execPath,
    args: [...profile, ...nodeArguments, `apps/${app}/src/main.ts`],
    cwd: checkout,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    onLine: (line) => {
      output = `${output}${line}\n`.slice(-10_000);
    },
  });
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    if (readyUrl === undefined || (await answers(readyUrl))) return child;
    if (!child.running || performance.now() > deadline) {
      await child.stop();
      throw new Error(`${name} was not ready:\n${output}`);
    }
    await pause(25);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
