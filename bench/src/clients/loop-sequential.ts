import { nodes, runInFlight, type ConnectClient } from '../client.ts';
import { createPlainCalls, untilDone } from './plain-calls.ts';

/** One call after another. */
export const connectClient: ConnectClient = async ({ nodeApiUrl, inFlight }) => {
  const { call, close } = createPlainCalls(nodeApiUrl, inFlight);
  return {
    run: (change, ids) =>
      runInFlight(ids, inFlight, async (id) => {
        for (const node of nodes) await untilDone(() => call(node, change, id));
      }),
    close,
  };
};
