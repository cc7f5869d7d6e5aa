import { nodes, runInFlight, type ConnectClient } from '../client.ts';
import { createPlainCalls, untilDone } from './plain-calls.ts';

/** The three calls of a saga at once. */
export const connectClient: ConnectClient = async ({ nodeApiUrl, inFlight }) => {
  const { call, close } = createPlainCalls(nodeApiUrl, Math.min(100, 3 * inFlight));
  return {
    run: (change, ids) =>
      runInFlight(ids, inFlight, async (id) => {
        await Promise.all(nodes.map((node) => untilDone(() => call(node, change, id))));
      }),
    close,
  };
};
