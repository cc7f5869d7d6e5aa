import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '@reliable-ops/database';
import {
  findRedis,
  startPostgres,
  startRedis,
  supervise,
  type Running,
  type Supervised,
} from '@reliable-ops/local';
import postgres from 'postgres';
import { startApp } from '../app-process.ts';
import { describeApps } from '../apps.ts';
import {
  startFaultProxy,
  type Delivery,
  type FaultProxy,
  type FaultProxyOptions,
} from '../proxy/index.ts';
import { createTemporaryFolder } from '../temporary-folder.ts';
import { waitFor } from '../wait-for.ts';
import type { Journal } from './journal.ts';

/** A whole system on servers of its own, each process under a supervisor that starts it again. */
export interface ChaosSystem extends AsyncDisposable {
  databaseUrl: string;
  redisUrl: string;
  orchestratorUrl: string;
  nodeApiUrl: string;
  /** Between the workers and the node API. */
  proxy: FaultProxy;
  /** The pid of a process by its name; null while it does not run. */
  pidOf(name: string): number | null;
  /** Before its next start Redis loses its folder. */
  wipeRedisAtStart(): void;
  /** Resolves when every process runs and those that serve answer. */
  ready(): Promise<void>;
  listen(listener: SystemListener): void;
  /** How often each process was started again. */
  restarts(): Map<string, number>;
}

export interface ChaosSystemOptions {
  seed: number;
  workers: number;
  env: Record<string, string>;
  journal: Journal;
  /** Milliseconds before a process that ended is started again. */
  restartDelayMs(): number;
  proxy: Pick<FaultProxyOptions, 'lateMs' | 'repeatMs' | 'holdMs'>;
  /** Postgres's data folder; default: one that goes with the system. */
  dataFolder?: string;
}

export interface SystemListener {
  /** Something has come through the proxy. */
  onDelivery(delivery: Delivery): void;
  /** The node API has come back: it has forgotten its faults. */
  onNodeApiReady(): void;
}

const packageFolder = fileURLToPath(new URL('../../../../.local/redis-package', import.meta.url));
const readyTimeoutMs = 60_000;
const database = 'rops';

/** Postgres and Redis as in production: what they acknowledge is on disk. */
export async function startChaosSystem(options: ChaosSystemOptions): Promise<ChaosSystem> {
  const { journal } = options;
  const disposables = new AsyncDisposables();
  try {
    const folder = disposables.add(await createTemporaryFolder('chaos'));
    const supervised = new Map<string, Supervised>();
    const restarts = new Map<string, number>();
    let listener: SystemListener = { onDelivery: () => {}, onNodeApiReady: () => {} };
    const run = async (name: string, start: () => Promise<Running>): Promise<void> => {
      const one = await supervise({
        name,
        start,
        say: (line) => journal.write(name, `supervisor: ${line}`),
        changed: () => {},
        died: () => restarts.set(name, (restarts.get(name) ?? 0) + 1),
        backOffMs: options.restartDelayMs,
      });
      supervised.set(name, one);
      disposables.add({
        async [Symbol.asyncDispose]() {
          const stopping = one.stop();
          one.kill();
          await stopping;
        },
      });
    };

    let postgresAt: { port: number; url: string } | undefined;
    await run('postgres', async () => {
      const server = await startPostgres({
        dataFolder: options.dataFolder ?? `${folder.path}/postgres`,
        ...(postgresAt && { port: postgresAt.port }),
        onLine: (line) => journal.write('postgres', line),
      });
      postgresAt = server;
      return server;
    });
    const databaseUrl = await createDatabase(postgresAt!.url);

    const binary = await findRedis({
      packageFolder,
      say: (line) => journal.write('redis', line),
    });
    let redisAt: { port: number; url: string } | undefined;
    let wipe = false;
    await run('redis', async () => {
      const redisFolder = `${folder.path}/redis`;
      if (wipe) await rm(redisFolder, { recursive: true, force: true });
      wipe = false;
      const server = await startRedis({
        binary,
        folder: redisFolder,
        ...(redisAt && { port: redisAt.port }),
        onLine: (line) => journal.write('redis', line),
      });
      redisAt = server;
      return server;
    });

    let proxy: FaultProxy | undefined;
    const apps = await describeApps({
      databaseUrl,
      redisUrl: redisAt!.url,
      workers: options.workers,
      env: { LOG_FORMAT: 'json', ...options.env },
      between: async (target) => {
        proxy = disposables.add(
          await startFaultProxy({
            target,
            seed: options.seed,
            ...options.proxy,
            onDelivery: (delivery) => listener.onDelivery(delivery),
          }),
        );
        return proxy.url;
      },
    });
    const processes = [apps.nodeApi, apps.orchestrator, ...apps.workers];
    for (const app of processes)
      await run(app.name, async () => {
        const child = await startApp(app, (line) => journal.write(app.name, line));
        if (app.app === 'node-api')
          void waitFor('the node API', () => !child.running || app.isReady()).then(
            () => child.running && listener.onNodeApiReady(),
            () => {},
          );
        return child;
      });
    const ready = async (): Promise<void> => {
      for (const name of supervised.keys())
        await waitFor(`${name} to run`, () => supervised.get(name)!.pid !== null, {
          timeoutMs: readyTimeoutMs,
        });
      for (const app of processes)
        await waitFor(`${app.name} to be ready`, () => app.isReady(), {
          timeoutMs: readyTimeoutMs,
          explain: () => journal.tails(20),
        });
    };
    await ready();

    return {
      databaseUrl,
      redisUrl: redisAt!.url,
      orchestratorUrl: apps.orchestratorUrl,
      nodeApiUrl: apps.nodeApiUrl,
      proxy: proxy!,
      pidOf: (name) => supervised.get(name)?.pid ?? null,
      wipeRedisAtStart() {
        wipe = true;
      },
      ready,
      listen(given) {
        listener = given;
      },
      restarts: () => restarts,
      [Symbol.asyncDispose]: () => disposables[Symbol.asyncDispose](),
    };
  } catch (error) {
    await disposables[Symbol.asyncDispose]();
    throw error;
  }
}

async function createDatabase(serverUrl: string): Promise<string> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await sql`create database ${sql(database)}`;
  await sql.end({ timeout: 5 });
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  await migrate(url.href);
  return url.href;
}

/** Disposed of in reverse order, whatever one of them throws. */
class AsyncDisposables implements AsyncDisposable {
  readonly #members: AsyncDisposable[] = [];

  add<T extends AsyncDisposable>(member: T): T {
    this.#members.push(member);
    return member;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let last = this.#members.pop(); last; last = this.#members.pop())
      await last[Symbol.asyncDispose]();
  }
}
