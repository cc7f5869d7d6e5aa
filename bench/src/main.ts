import { StackError } from '@reliable-ops/local';
import { runIdle } from './idle.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import { runOverload } from './overload/run-overload.ts';
import { runBench } from './run.ts';
import { runScale } from './scale/run-scale.ts';

// Whoever has started us is gone, or wants us to stop: the leash ends what we have started.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

try {
  const options = parseOptions(process.argv.slice(2));
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  if (options?.idle) process.exitCode = await runIdle(write);
  else if (options?.overload !== undefined)
    process.exitCode = await runOverload({ ...options, seconds: options.overload }, write);
  else if (options?.scale !== undefined) process.exitCode = await runScale(options.scale, write);
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
