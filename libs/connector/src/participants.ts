import type { Participant } from '@reliable-ops/saga';
import ky, { type BeforeRequestHook, type KyInstance } from 'ky';
import { createFencedNode } from './fenced-node.ts';
import type { NodeOptions } from './group-sagas.ts';
import { fetchFromNode } from './node-fetch.ts';
import { createPlainNode } from './plain-node.ts';

export interface ClusterOptions {
  /** Base address of the node API. */
  url: string;
  nodes: NodeOptions[];
  /** Milliseconds for one call; what takes longer has an unknown outcome. */
  timeoutMs: number;
  /** Of what is under way, for the node to go on with the trace; undefined: none is. Default: no call has one. */
  traceparent?(): string | undefined;
}

/** A client of one node: never retries (the engine does), answers every status without throwing. */
export function nodeClient(
  { url, timeoutMs, traceparent }: Omit<ClusterOptions, 'nodes'>,
  node: string,
): KyInstance {
  return ky.create({
    prefixUrl: url,
    headers: { node },
    retry: 0,
    timeout: timeoutMs,
    throwHttpErrors: false,
    fetch: fetchFromNode,
    ...(traceparent ? { hooks: { beforeRequest: [traceCalls(traceparent)] } } : {}),
  });
}

/** Gives each call the traceparent of what is under way. */
const traceCalls =
  (traceparent: () => string | undefined): BeforeRequestHook =>
  ({ headers }) => {
    const own = traceparent();
    if (own !== undefined) headers.set('traceparent', own);
  };

/** Who carries out the commands of the group sagas: a client for each node, in the protocol that it speaks. */
export function createParticipants(options: ClusterOptions): Record<string, Participant> {
  return Object.fromEntries(
    options.nodes.map(({ name, protocol }) => {
      const http = nodeClient(options, name);
      return [name, protocol === 'plain' ? createPlainNode(http) : createFencedNode(http)];
    }),
  );
}
