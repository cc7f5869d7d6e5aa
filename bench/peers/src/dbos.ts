import { DBOS } from '@dbos-inc/dbos-sdk';
import { nodes, runInFlight, type ConnectClient } from '../../src/client.ts';
import { createPlainCalls, PermanentError } from '../../src/clients/plain-calls.ts';

/**
 * DBOS Transact 5: a workflow of three steps, started together and settled together, each with retries. Workflows are
 * called directly in the process that runs them: without a queue between, which costs least.
 */
export const connectClient: ConnectClient = async ({ nodeApiUrl, databaseUrl, inFlight }) => {
  const systemDatabaseUrl = new URL(databaseUrl);
  systemDatabaseUrl.pathname = '/dbos';
  const { call, close } = createPlainCalls(nodeApiUrl, 100);
  const createGroup = DBOS.registerWorkflow(
    async (groupId: string) => {
      const settled = await Promise.allSettled(
        nodes.map((node) =>
          DBOS.runStep(() => call(node, 'create', groupId), {
            name: node,
            retriesAllowed: true,
            maxAttempts: 1_000,
            intervalSeconds: 0.01,
            backoffRate: 1,
            shouldRetry: (error) => !(error instanceof PermanentError),
          }),
        ),
      );
      const failed = settled.find(({ status }) => status === 'rejected');
      if (failed) throw (failed as PromiseRejectedResult).reason;
    },
    { name: 'createGroup' },
  );
  DBOS.setConfig({
    name: 'bench',
    applicationVersion: '0.1.0',
    systemDatabaseUrl: systemDatabaseUrl.href,
    systemDatabasePoolSize: 20,
    logLevel: 'error',
  });
  await DBOS.launch();
  return {
    run: (_change, ids) => runInFlight(ids, inFlight, (groupId) => createGroup(groupId)),
    async close() {
      await DBOS.shutdown();
      await close();
    },
  };
};
