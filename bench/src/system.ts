import { findFreePort, type Child } from '@reliable-ops/local';
import { startApp } from './app-process.ts';
import type { Contender } from './contenders.ts';
import type { Environment } from './environment.ts';
import { nodes } from './client.ts';

/** The processes of ours that a contender needs, all of them fresh: none has an advantage from the one before. */
export interface System extends AsyncDisposable {
  nodeApiUrl: string;
  /** Empty where only the nodes take part. */
  orchestratorUrl: string;
  /** Process ids by what they are; workers count as one. */
  processes: Record<string, number[]>;
}

export async function startSystem(
  environment: Pick<Environment, 'databaseUrl' | 'redis'>,
  { system }: Pick<Contender, 'system'>,
  {
    errors,
    callDelayMs = 0,
    profileFolder,
    settings = {},
  }: {
    errors: number;
    /** Each call to a node waits so long first. */
    callDelayMs?: number;
    profileFolder?: string | undefined;
    /** More variables of our processes. */
    settings?: Record<string, string>;
  },
): Promise<System> {
  const [nodeApiPort, orchestratorPort] = [await findFreePort(), await findFreePort()];
  const nodeApiUrl = `http://127.0.0.1:${nodeApiPort}`;
  const orchestratorUrl = system ? `http://127.0.0.1:${orchestratorPort}` : '';
  const env = {
    DATABASE_URL: environment.databaseUrl,
    REDIS_URL: environment.redis.url,
    NODE_API_PORT: String(nodeApiPort),
    NODE_API_URL: nodeApiUrl,
    ORCHESTRATOR_PORT: String(orchestratorPort),
    NODES: nodes.map((node) => `${node}:${system?.protocol ?? 'fenced'}`).join(','),
    RANDOM_BEHAVIOR: String(errors),
    // Who retries for ever is compared with who does as well: no saga turns back.
    STEP_ATTEMPTS: '1000',
    LOG_LEVEL: 'warn',
    METRICS_PORT: '0',
    ...settings,
  };
  const children: Child[] = [];
  const start = async (options: Parameters<typeof startApp>[0]): Promise<number> => {
    const child = await startApp({ profileFolder, ...options });
    children.push(child);
    return child.pid;
  };
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await child.stop();
  };
  try {
    const processes: System['processes'] = {
      'node API': [
        await start({ name: 'node-api', app: 'node-api', env, readyUrl: `${nodeApiUrl}/ping` }),
      ],
    };
    for (const node of callDelayMs > 0 ? nodes : [])
      await delayCalls(nodeApiUrl, node, callDelayMs);
    if (system) {
      const readyUrl = `${orchestratorUrl}/readyz`;
      processes['orchestrator'] = [
        await start({ name: 'orchestrator', app: 'orchestrator', env, readyUrl }),
      ];
      processes['worker'] = [];
      for (let n = 1; n <= system.workers; n++)
        processes['worker'].push(await start({ name: `worker-${n}`, app: 'worker', env }));
    }
    return { nodeApiUrl, orchestratorUrl, processes, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function delayCalls(nodeApiUrl: string, node: string, delayMs: number): Promise<void> {
  const response = await fetch(`${nodeApiUrl}/v1/faults/${node}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ delayMs }),
  });
  if (!response.ok) throw new Error(`faults of ${node}: ${response.status}`);
}
