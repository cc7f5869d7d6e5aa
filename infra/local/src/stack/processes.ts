import type { Config } from '@reliable-ops/runtime';
import { nodeArguments } from '../node-arguments.ts';

/** One of our own processes in the stack: how it is started, and when it counts as ready. */
export interface AppProcess {
  name: string;
  /** For Node, from the top of the checkout. */
  args: string[];
  /** On top of the supervisor's own environment. */
  env: Record<string, string>;
  /** Where it is reached; null for one that listens to nobody. */
  url: string | null;
  /** Answers 200 once it is ready; null: it is ready when it runs. */
  readyUrl: string | null;
}

export interface AppSettings {
  config: Pick<Config, 'HOST' | 'NODE_API_HOST'>;
  ports: {
    orchestrator: number;
    nodeApi: number;
    /** Of each worker; 0: any free one. */
    metrics: number[];
  };
  databaseUrl: string;
  redisUrl: string;
  workers: number;
  /** Other nodes than our own node API. */
  nodeApiUrl?: string | undefined;
  /** The log level of the processes. */
  logLevel: string;
}

/** What the stack runs beside Postgres and Redis, in the order of their start. */
export function listAppProcesses(settings: AppSettings): AppProcess[] {
  const { config, ports, databaseUrl, redisUrl, workers, logLevel } = settings;
  const nodeApiUrl = urlOf(config.NODE_API_HOST, ports.nodeApi);
  const orchestratorUrl = urlOf(config.HOST, ports.orchestrator);
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    NODE_API_URL: settings.nodeApiUrl || nodeApiUrl,
    NODE_API_PORT: String(ports.nodeApi),
    ORCHESTRATOR_PORT: String(ports.orchestrator),
    LOG_LEVEL: logLevel,
    LOG_FORMAT: 'pretty',
  };
  const run = (app: string) => [...nodeArguments, `apps/${app}/src/main.ts`];
  return [
    {
      name: 'node-api',
      args: run('node-api'),
      env,
      url: nodeApiUrl,
      readyUrl: `${nodeApiUrl}/ping`,
    },
    {
      name: 'orchestrator',
      args: run('orchestrator'),
      env,
      url: orchestratorUrl,
      readyUrl: `${orchestratorUrl}/readyz`,
    },
    ...Array.from({ length: workers }, (_, index) => ({
      name: `worker-${index + 1}`,
      args: run('worker'),
      env: { ...env, METRICS_PORT: String(ports.metrics[index] ?? 0) },
      url: null,
      readyUrl: null,
    })),
  ];
}

/** How a process that listens on `host` is reached from here. */
function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '') return `http://127.0.0.1:${port}`;
  if (host === '::' || host === '[::]') return `http://[::1]:${port}`;
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}
