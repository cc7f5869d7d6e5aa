import { createAppProcess, type AppProcess } from './app-process.ts';
import { describeApps } from './apps.ts';
import { createTestDatabase } from './test-database.ts';
import { startTestRedis, type TestRedis } from './test-redis.ts';

/** The whole system as processes: its own database and Redis, a node API, an orchestrator, workers. */
export interface System extends AsyncDisposable {
  orchestratorUrl: string;
  nodeApiUrl: string;
  databaseUrl: string;
  redis: TestRedis;
  nodeApi: AppProcess;
  orchestrator: AppProcess;
  workers: AppProcess[];
  /** What all processes have printed. */
  output(): string;
}

export interface SystemOptions {
  /** Default 1. */
  workers?: number;
  /** Over what a test system has: quick recovery and short locks. */
  env?: Record<string, string>;
}

/** Starts a system and waits until it is ready; `await using` ends it, whatever state it is in. */
export async function startSystem({ workers = 1, env = {} }: SystemOptions = {}): Promise<System> {
  const database = await createTestDatabase();
  const redis = await startTestRedis();
  const apps = await describeApps({
    databaseUrl: database.url,
    redisUrl: redis.url,
    workers,
    env,
  });
  const { orchestratorUrl, nodeApiUrl } = apps;
  const nodeApi = createAppProcess(apps.nodeApi);
  const orchestrator = createAppProcess(apps.orchestrator);
  const workerProcesses = apps.workers.map((options) => createAppProcess(options));
  const processes = [nodeApi, orchestrator, ...workerProcesses];
  const output = (): string =>
    processes.map((one) => `--- ${one.name}\n${one.output()}`).join('\n');
  const end = async (): Promise<void> => {
    await Promise.all(processes.filter(({ pid }) => pid).map((one) => one.kill('SIGKILL')));
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  };
  try {
    await Promise.all(processes.map((one) => one.start()));
  } catch (error) {
    await end();
    throw error;
  }
  return {
    orchestratorUrl,
    nodeApiUrl,
    databaseUrl: database.url,
    redis,
    nodeApi,
    orchestrator,
    workers: workerProcesses,
    output,
    [Symbol.asyncDispose]: end,
  };
}
