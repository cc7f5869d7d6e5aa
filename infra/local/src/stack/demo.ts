import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root, type Stack } from './start-stack.ts';

/** The job: creates groups 0..99 with the CLI, in this terminal, and shows the stats. Answers the worse of their exit codes. */
export async function runDemo({ orchestratorUrl }: Stack, signal: AbortSignal): Promise<number> {
  const created = await rops(['create', '0..99'], orchestratorUrl, signal);
  const stats = await rops(['stats'], orchestratorUrl, signal);
  return Math.max(created, stats);
}

async function rops(args: string[], url: string, signal: AbortSignal): Promise<number> {
  if (signal.aborted) return 0;
  process.stdout.write(`\n$ rops ${args.join(' ')}\n`);
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'apps/cli/src/main.ts', ...args, '--url', url],
    { cwd: root, stdio: 'inherit' },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
