import { once } from 'node:events';
import { ConfigError, loadConfig } from '@reliable-ops/runtime';
import { runDemoJob } from './job.ts';
import { parseOptions, usage, UsageError, type Options } from './options.ts';
import { StackError } from './stack-error.ts';
import { startStack, type Stack } from './stack/start-stack.ts';

export interface CommandContext {
  checkout: string;
  /** `.local` */
  folder: string;
  environment: NodeJS.ProcessEnv;
  write: (line: string) => void;
  writeError: (line: string) => void;
  stop: AbortSignal;
  kill: AbortSignal;
}

/** `start` or `demo`, until `stop`. Answers the exit code; what a person can mend is one line. */
export async function runCommand(args: string[], context: CommandContext): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options) return await run(options, context);
    context.write(usage);
    return 0;
  } catch (error) {
    if (context.stop.aborted && error === context.stop.reason) return 0;
    if (error instanceof UsageError) {
      context.writeError(error.message);
      return 2;
    }
    if (!isForPeople(error)) throw error;
    context.writeError(error.message);
    return 1;
  }
}

/** Ours, and what the system refuses: a full disk, a folder of another user. */
function isForPeople(error: unknown): error is Error {
  if (error instanceof StackError || error instanceof ConfigError) return true;
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

async function run(options: Options, context: CommandContext): Promise<number> {
  const { command, workers, fresh } = options;
  const environment = withDefaults(context.environment, command);
  const config = loadConfig(environment);
  const { checkout, folder, write, stop, kill } = context;
  const since = performance.now();
  const stack = await startStack({
    checkout,
    folder,
    environment,
    config,
    workers,
    fresh,
    write,
    stop,
    kill,
  });
  try {
    write(`ready after ${((performance.now() - since) / 1_000).toFixed(1)} s`);
    let exitCode = 0;
    if (command === 'demo') {
      write(
        `creating groups 0..99 on ${config.NODES.length} nodes; each call fails with probability ${config.RANDOM_BEHAVIOR}`,
      );
      const token = environment['ROPS_TOKEN'] || config.API_TOKENS[0];
      const { orchestratorUrl } = stack;
      exitCode = await runDemoJob({ checkout, environment, orchestratorUrl, token, stop });
    }
    if (options.exit) return stop.aborted ? 0 : exitCode;
    if (!stop.aborted) {
      writeAddresses(stack, write);
      await once(stop, 'abort');
    }
    return 0;
  } finally {
    write('stopping ...');
    await stack.stop();
  }
}

/** An empty variable counts as unset. */
function withDefaults(
  environment: NodeJS.ProcessEnv,
  command: Options['command'],
): NodeJS.ProcessEnv {
  if (command !== 'demo' || environment['RANDOM_BEHAVIOR']) return environment;
  return { ...environment, RANDOM_BEHAVIOR: '0.2' };
}

function writeAddresses({ orchestratorUrl, nodeApiUrl }: Stack, write: (line: string) => void) {
  write('');
  write(`  console and REST   ${orchestratorUrl}`);
  write(`  Bull Board         ${orchestratorUrl}/queues`);
  write(`  node API           ${nodeApiUrl}`);
  write('');
  write('npx rops --help shows what to do with it; Ctrl-C stops it');
}
