import { fileURLToPath } from 'node:url';
import { measureRecovery } from './measure-recovery.ts';
import { parseOptions, usage, UsageError, type ChaosOptions } from './options.ts';
import { runChaos } from './run.ts';
import { describeResult, judge } from './verdict.ts';

const checkout = fileURLToPath(new URL('../../../..', import.meta.url));
const write = (line: string): void => void process.stdout.write(`${line}\n`);
const tailLines = 25;
const mostReasons = 50;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(130)); // the leash ends what runs
process.on('disconnect', () => process.exit(130)); // the bootstrap script was killed

process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options?.measure) return (await measureRecovery(write)) ? 0 : 1;
    if (options) return await chaos(options);
    write(usage);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function chaos(options: ChaosOptions): Promise<number> {
  const { seed, seconds, sagas } = options;
  write(`chaos: --seed ${seed} --seconds ${seconds} --sagas ${sagas}`);
  const result = await runChaos(options, write);
  const reasons = judge(result);
  const folder = `${checkout}.local/chaos/seed-${seed}`;
  await result.journal.save(folder);
  if (reasons.length > 0) write(result.journal.tails(tailLines));
  describeResult(result).forEach(write);
  if (reasons.length === 0) {
    write(`seed ${seed}: everything holds`);
    return 0;
  }
  write(`seed ${seed}: FAILED (${reasons.length}), all logs in ${folder}`);
  reasons.slice(0, mostReasons).forEach((reason) => write(`  ${reason}`));
  return 1;
}
