import {
  clusterFaults,
  nodeFaults,
  type ClusterFaults,
  type NodeFaults,
} from '@reliable-ops/contracts';
import ky from 'ky';
import { describeError } from './outcome.ts';

/** What a cluster is told to do wrong. Only our own reference cluster makes faults on purpose. */
export interface FaultClient {
  /** By node. Throws FaultsError. */
  read(): Promise<ClusterFaults>;
  /** Replaces a node's faults. Throws FaultsError. */
  set(node: string, faults: NodeFaults): Promise<NodeFaults>;
}

/** `none`: this cluster makes no faults on purpose. `away`: it does not answer. */
export class FaultsError extends Error {
  override readonly name = 'FaultsError';
  readonly reason: 'none' | 'away';
  constructor(reason: 'none' | 'away', message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export function createFaultClient({
  url,
  timeoutMs,
}: {
  url: string;
  timeoutMs: number;
}): FaultClient {
  const http = ky.create({ prefixUrl: url, retry: 0, timeout: timeoutMs, throwHttpErrors: false });
  const ask = async <T>(call: () => Promise<Response>, parse: (body: unknown) => T): Promise<T> => {
    let status: number;
    let text: string;
    try {
      const response = await call();
      status = response.status;
      text = await response.text();
    } catch (error) {
      throw new FaultsError('away', `the node API does not answer: ${describeError(error)}`, {
        cause: error,
      });
    }
    if (status === 404) throw new FaultsError('none', 'this cluster makes no faults on purpose');
    try {
      if (status === 200) return parse(JSON.parse(text));
    } catch {
      // Told below, with what it said.
    }
    throw new FaultsError('away', `the node API answered ${status} ${text.slice(0, 200)}`);
  };
  return {
    read: () =>
      ask(
        () => http.get('v1/faults'),
        (body) => clusterFaults.parse(body),
      ),
    set: (node, faults) =>
      ask(
        () => http.put(`v1/faults/${encodeURIComponent(node)}`, { json: faults }),
        (body) => nodeFaults.parse(body),
      ),
  };
}
