import { StackError } from '@reliable-ops/local';
import { runIdle } from './idle.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import { runBench } from './run.ts';

// Whoever has started us is gone, or wants us to stop: the leash ends what we have started.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

try {
  const options = parseOptions(process.argv.slice(2));
  if (options?.idle)
    process.exitCode = await runIdle((line) => void process.stdout.write(`${line}\n`));
  else if (options) process.exitCode = await runBench(options);
  else process.stdout.write(`${usage}\n`);
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  } else if (error instanceof StackError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
