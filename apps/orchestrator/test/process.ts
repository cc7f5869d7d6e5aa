import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { argumentsOf } from '@reliable-ops/testkit';
import { replyOf, until, type Reply, type SendOptions } from './fixture.ts';

export interface OrchestratorProcess {
  /** Where it listens; throws where it ended before it did. */
  listening(): Promise<string>;
  send(method: string, path: string, options?: SendOptions): Promise<Reply>;
  /** The lines of its log. */
  log(): Record<string, unknown>[];
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code. */
  ended: Promise<number | null>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The orchestrator as a process, on a free port. */
export function spawnOrchestrator(environment: Record<string, string>): OrchestratorProcess {
  const child = spawn(process.execPath, argumentsOf('orchestrator'), {
    env: { PATH: process.env['PATH'], ORCHESTRATOR_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const log = (): Record<string, unknown>[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const listening = async (): Promise<string> => {
    const find = () => log().find(({ msg }) => msg === 'listening')?.['url'];
    await until(() => hasEnded || find() !== undefined);
    const url = find();
    if (typeof url !== 'string') throw new Error(`it does not listen: ${stdout}${stderr}`);
    return url;
  };

  return {
    listening,
    async send(method, path, { headers = {}, body, signal } = {}) {
      const response = await fetch((await listening()) + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
      return replyOf(response);
    },
    log,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
