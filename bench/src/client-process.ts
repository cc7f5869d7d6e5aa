import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { holdProcess, releaseProcess } from '@reliable-ops/local';
import type { Answer, Order } from './clients/orders.ts';
import { checkout } from './environment.ts';

const entry = fileURLToPath(new URL('clients/process.ts', import.meta.url));

/** A process that sends work; what it costs is counted apart from us. */
export interface ClientProcess extends AsyncDisposable {
  pid: number;
  /** Throws what went wrong in there. */
  ask(order: Order): Promise<Exclude<Answer, { error: string }>>;
}

export async function startClientProcess(): Promise<ClientProcess> {
  const child = fork(entry, [], {
    cwd: checkout,
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'spawn');
  const pid = child.pid!;
  holdProcess(pid, 'SIGKILL');
  const exited = once(child, 'exit').then(([code, signal]) => {
    releaseProcess(pid);
    return `the client ended (${signal ?? code})`;
  });
  return {
    pid,
    async ask(order) {
      const answered = once(child, 'message') as Promise<[Answer]>;
      child.send(order);
      const result = await Promise.race([answered, exited]);
      if (typeof result === 'string') throw new Error(result);
      const [answer] = result;
      if ('error' in answer) throw new Error(answer.error);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect(); // it ends by that
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
