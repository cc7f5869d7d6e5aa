import { connect as connectTo } from 'node:net';
import { join } from 'node:path';
import { findRedis } from '../redis/find-redis.ts';
import { startRedis } from '../redis/start-redis.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { StackError } from '../stack-error.ts';
import type { Running } from '../supervisor/supervised.ts';

/** A server that the stack runs itself. */
export interface OwnServer {
  /** Starts it; again on the same port. */
  start(): Promise<Running>;
  /** null until it has been started. */
  url(): string | null;
}

export interface ServerOptions {
  /** `.local` */
  folder: string;
  /** What it writes that a person should read, and what we do on its behalf. */
  say: (line: string) => void;
}

export function ownPostgres({ folder, say }: ServerOptions): OwnServer {
  let last: { port: number; url: string } | undefined;
  return {
    async start() {
      const server = await startPostgres({
        dataFolder: join(folder, 'postgres'),
        ...(last && { port: last.port }),
        onLine: (line) => {
          // Its everyday log (checkpoints, connections) is nobody's concern here; why it cannot start, its error says.
          if (last && /(WARNING|ERROR|FATAL|PANIC):/.test(line)) say(line);
        },
      });
      last = server;
      return server;
    },
    url: () => last?.url ?? null,
  };
}

export function ownRedis({ folder, say }: ServerOptions): OwnServer {
  let last: { port: number; url: string } | undefined;
  return {
    async start() {
      const server = await startRedis({
        binary: await findRedis({ packageFolder: join(folder, 'redis-package'), say }),
        folder: join(folder, 'redis'),
        ...(last && { port: last.port }),
        onLine: (line) => {
          if (last && /MISCONF|OOM|[Ee]rror|[Ff]atal|Bad file/.test(line)) say(line);
        },
      });
      last = server;
      return server;
    },
    url: () => last?.url ?? null,
  };
}

const reachTimeoutMs = 5_000;

/** Throws StackError with the variable's name unless something listens where `url` points. */
export async function checkReachable(variable: string, url: string): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const address = {
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(port) || (protocol.startsWith('redis') ? 6379 : 5432),
  };
  await new Promise<void>((resolve, reject) => {
    const socket = connectTo(address);
    const fail = (reason: string) => {
      socket.destroy();
      reject(
        new StackError(
          `${variable}: nothing answers at ${address.host}:${address.port} (${reason}); start it, or unset ${variable} to use one of our own`,
        ),
      );
    };
    socket.setTimeout(reachTimeoutMs, () => fail('time-out'));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** An address without its password, to be shown. */
export function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}
