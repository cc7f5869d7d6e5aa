import startTestServers from '../global-setup.ts';
import stopTestServers from '../global-teardown.ts';
import { parseOptions, usage, UsageError, type Options } from './options.ts';
import { runFuzz } from './run.ts';

const write = (line: string): void => void process.stdout.write(`${line}\n`);
const mostFindings = 20;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(130)); // the leash ends what runs
process.on('disconnect', () => process.exit(130)); // the bootstrap script was killed

process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options) return await fuzz(options);
    write(usage);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function fuzz(options: Options): Promise<number> {
  write(
    `fuzz: --requests ${options.requests} --seed ${options.seed} --concurrency ${options.concurrency}`,
  );
  await startTestServers();
  try {
    const { requests, seconds, sagas, statuses, findings } = await runFuzz({
      ...options,
      say: write,
    });
    const rate = Math.round(requests / seconds);
    write(`${requests} requests in ${seconds.toFixed(1)} s (${rate}/s), ${sagas} sagas accepted`);
    for (const [name, count] of [...statuses].sort()) write(`  ${name.padEnd(24)} ${count}`);
    for (const finding of findings.slice(0, mostFindings)) write(finding);
    write(findings.length === 0 ? 'everything holds' : `FAILED: ${findings.length} findings`);
    return findings.length === 0 ? 0 : 1;
  } finally {
    await stopTestServers();
  }
}
