import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findFreePort, startChild } from '@reliable-ops/local';
import { Pool } from 'undici';
import { nodes, runInFlight, type ConnectClient } from '../../src/client.ts';
import { createPlainCalls } from '../../src/clients/plain-calls.ts';
import './promise-with-resolvers.ts';

const readyTimeoutMs = 60_000;

/**
 * Restate: its server, and a handler of three durable steps that run together, each with retries. Requests come through
 * the ingress and are answered when the handler has ended. Two partitions: on two cores faster than the 24 it has by default.
 */
export const connectClient: ConnectClient = async ({ nodeApiUrl, inFlight }) => {
  process.env['RESTATE_LOGGING'] = 'ERROR'; // read at import; by default each failed call is some lines
  const restate = await import('@restatedev/restate-sdk');
  const { call, close } = createPlainCalls(nodeApiUrl, 100);
  const group = restate.service({
    name: 'group',
    handlers: {
      create: async (context: import('@restatedev/restate-sdk').Context, groupId: string) => {
        await restate.RestatePromise.all(
          nodes.map((node) =>
            context.run(node, () => call(node, 'create', groupId), {
              initialRetryInterval: 10,
              retryIntervalFactor: 1,
            }),
          ),
        );
      },
    },
  });
  const handler = restate.createEndpointHandler({ services: [group] });
  const endpoint = createServer(handler);
  endpoint.listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  const address = endpoint.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');

  const server = await startServer();
  const ingress = new Pool(server.ingressUrl, { connections: inFlight });
  await register(server.adminUrl, `http://127.0.0.1:${address.port}`);
  return {
    run: (_change, ids) =>
      runInFlight(ids, inFlight, async (groupId) => {
        const { statusCode, body } = await ingress.request({
          path: '/group/create',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(groupId),
        });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`restate: ${statusCode} ${text.slice(0, 200)}`);
      }),
    async close() {
      await ingress.close();
      await server.stop();
      endpoint.close();
      await close();
    },
  };
};

/** The binary itself: the npm wrapper around it would be one more process. */
function findBinary(): string {
  const wrapper = createRequire(import.meta.url).resolve('@restatedev/restate-server/package.json');
  const name = `restate-server-${process.platform}-${process.arch}`;
  return createRequire(wrapper).resolve(`@restatedev/${name}/bin/restate-server`);
}

async function startServer() {
  const folder = await mkdtemp(join(tmpdir(), 'rops-restate-'));
  const [ingress, admin, node] = [await findFreePort(), await findFreePort(), await findFreePort()];
  let output = '';
  const child = await startChild({
    command: findBinary(),
    args: ['--no-logo'],
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      RESTATE_BASE_DIR: folder,
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_DEFAULT_NUM_PARTITIONS: '2',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_LOG_FILTER: 'error',
      RESTATE_DISABLE_TELEMETRY: 'true',
      DO_NOT_TRACK: '1',
    },
    onLine: (line) => {
      output = `${output}${line}\n`.slice(-5_000);
    },
  });
  const [ingressUrl, adminUrl] = [`http://127.0.0.1:${ingress}`, `http://127.0.0.1:${admin}`];
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    const healthy = await Promise.all(
      [`${adminUrl}/health`, `${ingressUrl}/restate/health`].map((url) =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      ),
    );
    if (healthy.every(Boolean)) return { ingressUrl, adminUrl, stop };
    if (!child.running || performance.now() > deadline) {
      await stop();
      throw new Error(`the Restate server was not ready:\n${output}`);
    }
    await pause(100);
  }
}

async function register(adminUrl: string, uri: string): Promise<void> {
  const response = await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });
  if (!response.ok) throw new Error(`deployment: ${response.status} ${await response.text()}`);
}
