import { nodeClient, nodeJson } from '@reliable-ops/connector';
import { nodes, runInFlight, type ConnectClient } from '../client.ts';
import { checkAnswer, untilDone } from './plain-calls.ts';

/** The three calls of a saga at once, through the client that our connector uses. */
export const connectClient: ConnectClient = async ({ nodeApiUrl, inFlight }) => {
  const clients = nodes.map((node) => nodeClient({ url: nodeApiUrl, timeoutMs: 10_000 }, node));
  return {
    run: (change, ids) =>
      runInFlight(ids, inFlight, async (groupId) => {
        await Promise.all(
          clients.map((http) =>
            untilDone(async () => {
              const method = change === 'create' ? 'post' : 'delete';
              const response = await http(`v1/group`, { method, ...nodeJson({ groupId }) });
              checkAnswer(change, response.status, await response.text());
            }),
          ),
        );
      }),
    async close() {},
  };
};
