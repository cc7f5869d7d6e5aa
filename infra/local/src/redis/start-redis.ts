import { mkdir } from 'node:fs/promises';
import { waitAtMost } from '@reliable-ops/runtime';
import { startChild, type Child } from '../processes/child.ts';
import { findFreePort } from '../processes/port.ts';
import { serverOf, type LocalServer } from '../processes/server.ts';
import { StackError } from '../stack-error.ts';
import type { RedisBinary } from './find-redis.ts';

export interface StartRedisOptions {
  binary: RedisBinary;
  /** Holds the append-only file; made when missing. */
  folder: string;
  /** Default: a free one. */
  port?: number;
  /** For tests: nothing is flushed to disk. */
  fast?: boolean;
  onLine?: (line: string) => void;
}

/** A running Redis with AOF and noeviction: a queue that forgets under memory pressure would be none. */
export type Redis = LocalServer;

const startTimeoutMs = 60_000;
const portAttempts = 5;

/** Throws StackError where a person can help: a broken append-only file, a binary that does not run. */
export async function startRedis(options: StartRedisOptions): Promise<Redis> {
  await mkdir(options.folder, { recursive: true }).catch((cause: unknown) => {
    throw new StackError(
      `${options.folder} cannot be used as Redis's data folder: start with --fresh to discard it`,
      { cause },
    );
  });
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const started = await launch({ ...options, port });
    if ('child' in started)
      return serverOf(started.child, { url: `redis://127.0.0.1:${port}`, port });
    const portTaken = /in use|bind/i.test(started.reason);
    if (portTaken && options.port === undefined && attempt < portAttempts) continue;
    const remedy = portTaken ? 'choose another port' : 'start with --fresh to discard it';
    throw new StackError(
      `Redis does not start on ${options.folder} (${started.reason}): ${remedy}`,
    );
  }
}

async function launch({
  binary,
  folder,
  port,
  fast = false,
  onLine = () => {},
}: StartRedisOptions & { port: number }): Promise<{ child: Child } | { reason: string }> {
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    appendfsync: fast ? 'no' : 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  };
  let announceReady = (): void => {};
  const ready = new Promise<true>((resolve) => {
    announceReady = () => resolve(true);
  });
  const lines: string[] = [];
  const child = await startChild({
    command: binary.command,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...binary.env },
    cwd: folder,
    onLine: (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      if (/ready to accept connections/i.test(line)) announceReady();
      onLine(line);
    },
  });
  const first = await waitAtMost(startTimeoutMs, Promise.race([ready, child.closed]));
  if (first === true) return { child };
  await child.stop();
  const complaints = lines
    .filter((line) => /# |error|fatal|bad /i.test(line) && !/# WARNING/.test(line))
    .slice(-2);
  const reason = complaints.map((line) => line.replace(/^.*?[#*] /, '')).join('; ');
  return { reason: reason || 'no answer within a minute' };
}
