import { spawn } from 'node:child_process';
import { holdProcess, releaseProcess } from './processes/leash.ts';

export interface JobOptions {
  checkout: string;
  environment: NodeJS.ProcessEnv;
  orchestratorUrl: string;
  token: string | undefined;
  stop: AbortSignal;
}

/** The demo's job: groups 0..99, then the stats. Answers the CLI's exit code, the first that is not 0. */
export async function runDemoJob(options: JobOptions): Promise<number> {
  const created = await runCli(['create', '0..99'], options);
  if (options.stop.aborted) return created;
  return created || (await runCli(['stats'], options));
}

/** The CLI in our own terminal, for its progress bar. */
async function runCli(
  args: string[],
  { checkout, environment, orchestratorUrl, token, stop }: JobOptions,
): Promise<number> {
  if (stop.aborted) return 1;
  process.stdout.write(`\n$ rops ${args.join(' ')}\n`);
  const cli = spawn(
    process.execPath,
    ['--import', 'tsx', 'apps/cli/src/main.ts', ...args, '--url', orchestratorUrl],
    {
      cwd: checkout,
      stdio: 'inherit',
      env: { ...environment, ...(token !== undefined && { ROPS_TOKEN: token }) },
    },
  );
  const pid = cli.pid;
  if (pid !== undefined) holdProcess(pid, 'SIGTERM');
  const end = () => cli.kill('SIGTERM');
  stop.addEventListener('abort', end);
  try {
    return await new Promise((resolve, reject) => {
      cli.once('error', reject);
      cli.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    stop.removeEventListener('abort', end);
    if (pid !== undefined) releaseProcess(pid);
  }
}
