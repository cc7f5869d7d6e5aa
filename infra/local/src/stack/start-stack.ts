import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@reliable-ops/database';
import { loadConfig, type Config } from '@reliable-ops/runtime';
import { discardDataFolder } from '../postgres/data-folder.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { startChild } from '../processes/child.ts';
import { whyNotListen } from '../processes/port.ts';
import { findRedis } from '../redis/find-redis.ts';
import { startRedis } from '../redis/start-redis.ts';
import { StackError } from '../stack-error.ts';
import type { StackOptions } from './options.ts';
import { enterStackFolder, type StackFolder } from './stack-folder.ts';
import { createUnit, type Running, type Unit } from './supervise.ts';

export const root = fileURLToPath(new URL('../../../..', import.meta.url));

export interface Stack {
  orchestratorUrl: string;
  nodeApiUrl: string;
  /** In reverse order; `.local/stack.json` goes. */
  stop(): Promise<void>;
}

export interface StartStackOptions extends StackOptions {
  /** `.local/` unless a test has its own. */
  folder?: string;
  say(line: string): void;
  /** Aborted: no further process is started. */
  signal: AbortSignal;
}

/** How long a process may take until it answers, in milliseconds: a first start compiles. */
const readyTimeoutMs = 60_000;

/** Starts everything, one after another, and waits until it answers. Throws StackError or ConfigError; nothing is left running then. */
export async function startStack(options: StartStackOptions): Promise<Stack> {
  const { say, signal, workers, fresh, command } = options;
  const config = loadConfig();
  const folder = await enterStackFolder(options.folder ?? join(root, '.local'));
  const units: Unit[] = [];
  const publish = (): void =>
    folder.publish(units.map(({ name, pid, url }) => ({ name, pid, url })));
  const stop = async (): Promise<void> => {
    for (const unit of units.toReversed()) await unit.stop();
    folder.leave();
  };
  /** Starts a process and keeps it running. */
  const run = async (
    name: string,
    url: string | null,
    launch: () => Promise<Running>,
  ): Promise<void> => {
    signal.throwIfAborted();
    const unit = createUnit({ name, url, launch, onChange: publish, say });
    units.push(unit);
    await unit.start();
  };

  try {
    await requirePorts(config);
    if (fresh) await discardData(folder);
    const databaseUrl = await startDatabase(folder, run, options);
    const redisUrl = await startQueue(folder, run, say);
    await migrate(databaseUrl);

    const nodeApiUrl = `http://127.0.0.1:${config.NODE_API_PORT}`;
    const orchestratorUrl = `http://${urlHost(config.HOST)}:${config.ORCHESTRATOR_PORT}`;
    const environment: NodeJS.ProcessEnv = {
      LOG_FORMAT: 'pretty',
      LOG_LEVEL: 'warn',
      ...(command === 'demo' ? { RANDOM_BEHAVIOR: '0.2' } : {}),
      NODE_API_URL: nodeApiUrl,
      ...withoutEmpty(process.env),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
    };
    const app = (name: string, path: string) => () =>
      startChild({
        command: process.execPath,
        args: ['--import', 'tsx', join('apps', path, 'src/main.ts')],
        cwd: root,
        env: environment,
        onLine: (line) => say(`${name} | ${line}`),
      });
    await run('node-api', nodeApiUrl, app('node-api', 'node-api'));
    await run('orchestrator', orchestratorUrl, app('orchestrator', 'orchestrator'));
    for (let n = 1; n <= workers; n++) await run(`worker-${n}`, null, app(`worker-${n}`, 'worker'));
    await untilOk(`${nodeApiUrl}/ping`, 'node-api', signal);
    await untilOk(`${orchestratorUrl}/readyz`, 'orchestrator', signal);
    return { orchestratorUrl, nodeApiUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Run = (name: string, url: string | null, launch: () => Promise<Running>) => Promise<void>;

async function startDatabase(
  folder: StackFolder,
  run: Run,
  options: StartStackOptions,
): Promise<string> {
  const given = process.env['DATABASE_URL'];
  if (given) {
    if (options.fresh)
      options.say('DATABASE_URL is set: its database is used as it is, nothing in it is discarded');
    return given;
  }
  const dataFolder = join(folder.path, 'postgres');
  const first = await startPostgres({ dataFolder });
  const { url, port } = first;
  await run(
    'postgres',
    url,
    startedFirst(first, () => startPostgres({ dataFolder, port })),
  );
  return url;
}

async function startQueue(
  folder: StackFolder,
  run: Run,
  say: (line: string) => void,
): Promise<string> {
  const given = process.env['REDIS_URL'];
  if (given) return given;
  const binary = await findRedis({ packageFolder: join(folder.path, 'redis-package'), say });
  const options = { binary, folder: join(folder.path, 'redis') };
  const first = await startRedis(options);
  const { url, port } = first;
  await run(
    'redis',
    url,
    startedFirst(first, () => startRedis({ ...options, port })),
  );
  return url;
}

/** It takes a free port when it starts for the first time, and keeps it from then on. */
function startedFirst(first: Running, again: () => Promise<Running>): () => Promise<Running> {
  let started: Running | undefined = first;
  return async () => {
    const running = started ?? (await again());
    started = undefined;
    return running;
  };
}

async function requirePorts({
  HOST,
  ORCHESTRATOR_PORT,
  NODE_API_HOST,
  NODE_API_PORT,
}: Config): Promise<void> {
  for (const [variable, host, port] of [
    ['ORCHESTRATOR_PORT', HOST, ORCHESTRATOR_PORT],
    ['NODE_API_PORT', NODE_API_HOST, NODE_API_PORT],
  ] as const) {
    const why = await whyNotListen(host, port);
    if (why === 'EADDRINUSE')
      throw new StackError(`port ${port} is in use: stop what listens there, or set ${variable}`);
    if (why !== undefined)
      throw new StackError(
        `cannot listen on ${host}:${port} (${why}): set ${variable} or the host`,
      );
  }
}

async function discardData({ path }: StackFolder): Promise<void> {
  await discardDataFolder(join(path, 'postgres'));
  await rm(join(path, 'redis'), { recursive: true, force: true });
}

async function untilOk(url: string, name: string, signal: AbortSignal): Promise<void> {
  const until = Date.now() + readyTimeoutMs;
  while (Date.now() < until) {
    signal.throwIfAborted();
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new StackError(`${name} does not answer at ${url}: read its lines above`);
}

/** Where a server that listens on all addresses is reached from here. */
const urlHost = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;

/** An empty variable counts as unset, here as in each process. */
const withoutEmpty = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
