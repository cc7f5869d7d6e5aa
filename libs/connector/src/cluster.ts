import { nodeSummary, type ClusterView, type NodeSummary } from '@reliable-ops/contracts';
import { nodeClient, type ClusterOptions } from './participants.ts';

export interface ClusterReader {
  read(): Promise<ClusterView>;
}

/** Asks each node how many groups it has and for a digest of their ids. */
export function createClusterReader(options: ClusterOptions): ClusterReader {
  const clients = options.nodes.map(({ name }) => ({ name, http: nodeClient(options, name) }));
  return {
    async read() {
      const summaries = await Promise.all(
        clients.map(async ({ http }): Promise<NodeSummary | null> => {
          try {
            const response = await http.get('v1/summary');
            return response.ok ? nodeSummary.parse(await response.json()) : null;
          } catch {
            return null;
          }
        }),
      );
      const nodes = Object.fromEntries(
        clients.map(({ name }, index) => [name, summaries[index]?.groups ?? null]),
      );
      const reached = summaries.filter((summary) => summary !== null);
      const differ = new Set(reached.map(({ groups, digest }) => `${groups} ${digest}`)).size > 1;
      // Two that differ settle it; where one hides, agreement of the others does not.
      const consistent = differ ? false : reached.length === clients.length ? true : null;
      return { consistent, nodes };
    },
  };
}
