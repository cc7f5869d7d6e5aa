import { ConfigError } from '@reliable-ops/runtime';
import { StackError } from './stack-error.ts';
import { runDemo } from './stack/demo.ts';
import { parseOptions } from './stack/options.ts';
import { startStack, type Stack } from './stack/start-stack.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Resolves at the first signal; a second one ends us at once, and with us all that we have started. */
const interrupted = new AbortController();
const untilInterrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(1);
      interrupted.abort();
      resolve();
    });
});

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  say('starting Postgres, Redis, the node API, the orchestrator and workers ...');
  const stack: Stack = await startStack({ ...options, say, signal: interrupted.signal });
  let code = 0;
  try {
    if (options.command === 'demo') code = await runDemo(stack, interrupted.signal);
    if (!options.exit || options.command === 'start') {
      say(`
  REST         ${stack.orchestratorUrl}/v1/sagas
  Bull Board   ${stack.orchestratorUrl}/queues
  node API     ${stack.nodeApiUrl}/v1/stats

  npx rops --help shows what to do with it; Ctrl-C stops everything.`);
      await untilInterrupted;
      code = 0;
      say('stopping ...');
    }
  } finally {
    await stack.stop();
  }
  return code;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    // Asked to stop while it was starting: nothing is left running.
    if (interrupted.signal.aborted) process.exit(0);
    const isForPeople = error instanceof StackError || error instanceof ConfigError;
    process.stderr.write(
      `${isForPeople ? error.message : String((error as Error).stack ?? error)}\n`,
    );
    process.exit(1);
  },
);
