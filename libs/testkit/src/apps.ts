import { findFreePort } from '@reliable-ops/local';
import type { AppProcessOptions } from './app-process.ts';

export interface AppsOptions {
  databaseUrl: string;
  redisUrl: string;
  workers: number;
  /** For all of them, over what a test system has. */
  env?: Record<string, string>;
  /** Where the workers find the node API, given its own address; default: there. */
  between?(nodeApiUrl: string): Promise<string>;
}

export interface Apps {
  orchestratorUrl: string;
  nodeApiUrl: string;
  nodeApi: AppProcessOptions;
  orchestrator: AppProcessOptions;
  workers: AppProcessOptions[];
}

/** The processes of one system, on free ports, none of them started. */
export async function describeApps(options: AppsOptions): Promise<Apps> {
  const { databaseUrl, redisUrl, workers, env = {}, between = async (url) => url } = options;
  const [orchestratorPort, nodeApiPort] = [await findFreePort(), await findFreePort()];
  const orchestratorUrl = `http://127.0.0.1:${orchestratorPort}`;
  const nodeApiUrl = `http://127.0.0.1:${nodeApiPort}`;
  const environment = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    ORCHESTRATOR_PORT: String(orchestratorPort),
    NODE_API_PORT: String(nodeApiPort),
    NODE_API_URL: nodeApiUrl,
    // So that a test that kills a worker does not wait for long: as in production, only shorter.
    JOB_LOCK: '2s',
    RECOVERY_INTERVAL: '1s',
    LOG_LEVEL: 'warn',
    METRICS_PORT: '0',
    ...env,
  };
  const workerEnvironment = { ...environment, NODE_API_URL: await between(nodeApiUrl) };
  return {
    orchestratorUrl,
    nodeApiUrl,
    nodeApi: {
      name: 'node-api',
      app: 'node-api',
      env: environment,
      isReady: () => answers(`${nodeApiUrl}/ping`),
    },
    orchestrator: {
      name: 'orchestrator',
      app: 'orchestrator',
      env: environment,
      isReady: () => answers(`${orchestratorUrl}/readyz`),
    },
    workers: Array.from({ length: workers }, (_, index) => ({
      name: `worker-${index + 1}`,
      app: 'worker',
      env: workerEnvironment,
      isReady: async () => true,
    })),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
