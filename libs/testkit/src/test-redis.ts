import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { startRedis, type Redis } from '@reliable-ops/local';
import { createTemporaryFolder } from './temporary-folder.ts';
import { testEnvironment } from './test-environment.ts';

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** kill -9 unless told otherwise; answers once it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Again, on the same port and data, after `kill` or `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A Redis process of its own, on a free port, in a temporary folder. AOF and noeviction, as in production. */
export async function startTestRedis(): Promise<TestRedis> {
  const { redis: binary } = testEnvironment();
  const folder = await createTemporaryFolder('redis');
  const options = { binary, folder: `${folder.path}/redis`, fast: true };
  let server: Redis;
  try {
    server = await startRedis(options);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const { url, port } = server;
  return {
    url,
    get pid() {
      return server.pid;
    },
    async kill(signal = 'SIGKILL') {
      server.kill(signal);
      await server.exited;
    },
    async start() {
      await server.stop();
      server = await startRedis({ ...options, port });
    },
    stop: () => server.stop(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/**
 * Puts the tests' own Redis into `folder` (made when missing) as `redis-server`, for a process that looks for one on its
 * PATH: none is to be fetched anew for it.
 */
export async function provideRedis(folder: string): Promise<void> {
  const { command, env } = testEnvironment().redis;
  const settings = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  const path = `${folder}/redis-server`;
  await mkdir(folder, { recursive: true });
  await writeFile(path, `#!/bin/sh\nexec env ${settings.join(' ')} '${command}' "$@"\n`);
  await chmod(path, 0o755);
}
