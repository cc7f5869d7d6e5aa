import { fileURLToPath } from 'node:url';
import { runCommand, write } from '../command.ts';
import { measureRecovery } from './measure-recovery.ts';
import { parseOptions, usage, type ChaosOptions } from './options.ts';
import { runChaos } from './run.ts';
import { describeResult, judge } from './verdict.ts';

const checkout = fileURLToPath(new URL('../../../..', import.meta.url));
const tailLines = 25;
const mostReasons = 50;

await runCommand({ usage, parseOptions, run: chaos });

async function chaos(options: ChaosOptions): Promise<number> {
  const { seed, seconds, sagas, measure } = options;
  if (measure) return (await measureRecovery(write)) ? 0 : 1;
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
