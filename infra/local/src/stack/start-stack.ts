import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { migrate } from '@reliable-ops/database';
import type { Config } from '@reliable-ops/runtime';
import { discardDataFolder } from '../postgres/data-folder.ts';
import { startChild } from '../processes/child.ts';
import { StackError } from '../stack-error.ts';
import { keepsDyingAfter } from '../supervisor/back-off.ts';
import type { Running } from '../supervisor/supervised.ts';
import { takeStackLock } from './lock.ts';
import { claimPort, offerPorts } from './ports.ts';
import { listAppProcesses, type AppProcess } from './processes.ts';
import { checkReachable, ownPostgres, ownRedis, withoutPassword } from './servers.ts';
import { createServices, type Services } from './services.ts';

export interface StackOptions {
  /** The top of the checkout: where our processes are started. */
  checkout: string;
  /** `.local`: data, the lock, stack.json. */
  folder: string;
  /** What our processes inherit; DATABASE_URL and REDIS_URL in it are used, never emptied. */
  environment: NodeJS.ProcessEnv;
  config: Config;
  workers: number;
  /** Discard what `folder` holds of Postgres and Redis. */
  fresh: boolean;
  /** A line for whoever looks on. */
  write: (line: string) => void;
  /** Stop, whatever is under way. */
  stop: AbortSignal;
  /** Stop at once: no process is waited for any longer. */
  kill: AbortSignal;
}

export interface Stack {
  orchestratorUrl: string;
  nodeApiUrl: string;
  /** In reverse order of the start; bounded. Nothing is left running, stack.json is gone. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 120_000;

/**
 * Starts everything and answers when it is ready. Throws StackError where a person can help, and `stop`'s reason when that came
 * first; in either case nothing is left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { config, folder, stop, kill, write } = options;
  const lock = await takeStackLock(folder);
  const services = createServices({ folder, lock, write });
  kill.addEventListener('abort', () => services.kill());
  const stopAll = async (): Promise<void> => {
    await services.stop();
    await lock.release();
  };
  try {
    const ports = {
      orchestrator: await claimPort({
        variable: 'ORCHESTRATOR_PORT',
        host: config.HOST,
        port: config.ORCHESTRATOR_PORT,
      }),
      nodeApi: await claimPort({
        variable: 'NODE_API_PORT',
        host: config.NODE_API_HOST,
        port: config.NODE_API_PORT,
      }),
      metrics: await offerPorts(config.METRICS_HOST, config.METRICS_PORT, options.workers),
    };
    write('starting Postgres, Redis, node API, orchestrator and worker ...');
    if (options.fresh) await discardState(folder);
    const [databaseUrl, redisUrl] = await startServers(options, services);
    stop.throwIfAborted();
    const apps = listAppProcesses({
      config,
      ports,
      databaseUrl,
      redisUrl,
      workers: options.workers,
      nodeApiUrl: options.environment['NODE_API_URL'],
      logLevel: options.environment['LOG_LEVEL'] || 'warn',
    });
    await startApps(apps, options, services);
    const urlOf = (wanted: string) => apps.find(({ name }) => name === wanted)?.url ?? '';
    return { orchestratorUrl: urlOf('orchestrator'), nodeApiUrl: urlOf('node-api'), stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function discardState(folder: string): Promise<void> {
  await discardDataFolder(join(folder, 'postgres'));
  await rm(join(folder, 'redis'), { recursive: true, force: true });
}

/** Postgres, migrated, and Redis: those that the environment names, else our own. Answers their addresses. */
async function startServers(
  { folder, environment, fresh, write, stop }: StackOptions,
  services: Services,
): Promise<[databaseUrl: string, redisUrl: string]> {
  const start = async (name: string, variable: string, own: typeof ownPostgres) => {
    const given = environment[variable];
    if (given) {
      await checkReachable(variable, given);
      write(
        `${name}: ${withoutPassword(given)}, as ${variable} says${fresh ? '; what it holds is kept' : ''}`,
      );
      services.addForeign(name, withoutPassword(given));
      return given;
    }
    const say = services.sayFor(name);
    const server = own({ folder, say });
    await services.add({ name, stage: 0, start: () => server.start(), url: server.url });
    return server.url() ?? '';
  };
  const [database, redis] = await Promise.allSettled([
    start('postgres', 'DATABASE_URL', ownPostgres),
    start('redis', 'REDIS_URL', ownRedis),
  ]);
  if (database.status === 'rejected') throw database.reason;
  if (redis.status === 'rejected') throw redis.reason;
  stop.throwIfAborted();
  try {
    await migrate(database.value);
  } catch (cause) {
    const reason = `the migrations failed (${innermostMessage(cause)})`;
    const line = environment['DATABASE_URL']
      ? `DATABASE_URL: ${reason}`
      : `${join(folder, 'postgres')}: ${reason}: start with --fresh to discard it`;
    throw new StackError(line, { cause });
  }
  return [database.value, redis.value];
}

/** drizzle says which statement failed, its cause says why. */
function innermostMessage(error: unknown): string {
  let last = error;
  while (last instanceof Error && last.cause instanceof Error) last = last.cause;
  return last instanceof Error ? last.message || String(last) : String(last);
}

async function startApps(
  apps: AppProcess[],
  { checkout, environment, stop }: StackOptions,
  services: Services,
): Promise<void> {
  const ended = new AbortController();
  const failed = new Promise<never>((_, reject) => {
    const onStop = () => reject(stop.reason as Error);
    stop.addEventListener('abort', onStop);
    ended.signal.addEventListener('abort', () => stop.removeEventListener('abort', onStop));
    services.onDeath(({ name, deaths, lastLine }) => {
      if (deaths < keepsDyingAfter || ended.signal.aborted) return;
      reject(new StackError(`${name} does not stay up: ${lastLine || 'it ends without a word'}`));
    });
  });
  failed.catch(() => {}); // it may fail before anybody listens
  try {
    stop.throwIfAborted();
    for (const [index, app] of apps.entries()) {
      const start = (): Promise<Running> =>
        startChild({
          command: process.execPath,
          args: app.args,
          cwd: checkout,
          env: { ...environment, ...app.env },
          onLine: services.showOutputOf(app.name),
        });
      const stage = app.readyUrl === null ? apps.length + 1 : index + 1;
      await services.add({ name: app.name, stage, start, url: () => app.url });
    }
    await Promise.race([failed, waitUntilReady(apps, ended.signal)]);
  } finally {
    ended.abort();
  }
}

async function waitUntilReady(apps: AppProcess[], ended: AbortSignal): Promise<void> {
  const until = performance.now() + readyTimeoutMs;
  for (const { name, readyUrl } of apps) {
    if (readyUrl === null) continue;
    while (!ended.aborted && !(await answersOk(readyUrl))) {
      if (performance.now() > until) {
        throw new StackError(
          `${name} was not ready within ${readyTimeoutMs / 1_000} s (${readyUrl})`,
        );
      }
      await pause(100);
    }
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
