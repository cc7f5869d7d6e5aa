import { findFreePort } from '@reliable-ops/local';
import { createAppProcess, type AppProcess } from './app-process.ts';
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
  const [orchestratorPort, nodeApiPort] = [await findFreePort(), await findFreePort()];
  const orchestratorUrl = `http://127.0.0.1:${orchestratorPort}`;
  const nodeApiUrl = `http://127.0.0.1:${nodeApiPort}`;
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ORCHESTRATOR_PORT: String(orchestratorPort),
    NODE_API_PORT: String(nodeApiPort),
    NODE_API_URL: nodeApiUrl,
    // So that a test that kills a worker does not wait for long: as in production, only shorter.
    JOB_LOCK: '2s',
    RECOVERY_INTERVAL: '1s',
    LOG_LEVEL: 'warn',
    ...env,
  };
  const nodeApi = createAppProcess({
    name: 'node-api',
    app: 'node-api',
    env: environment,
    isReady: () => answers(`${nodeApiUrl}/ping`),
  });
  const orchestrator = createAppProcess({
    name: 'orchestrator',
    app: 'orchestrator',
    env: environment,
    isReady: () => answers(`${orchestratorUrl}/readyz`),
  });
  const workerProcesses = Array.from({ length: workers }, (_, index) =>
    createAppProcess({
      name: `worker-${index + 1}`,
      app: 'worker',
      env: environment,
      isReady: async () => true,
    }),
  );
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

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
