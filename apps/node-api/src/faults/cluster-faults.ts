import { setTimeout as delay } from 'node:timers/promises';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { nodeFaults, type NodeFaults } from '@reliable-ops/contracts';
import type { MiddlewareHandler } from 'hono';
import { createDraw } from '@reliable-ops/runtime/seeded-draw';
import type { Environment, RequestContext } from '../environment.ts';
import { refusal } from '../errors.ts';
import { isNodeName, nodeNames, type NodeName } from '../nodes.ts';

/** Faults that the nodes have been told to make, until told otherwise. All off at the start. */
export interface ClusterFaults {
  all(): Record<NodeName, NodeFaults>;
  /** Replaces a node's faults; a seed starts its draws anew. */
  set(node: NodeName, faults: NodeFaults): void;
  /** Whether this operation fails before it is applied. */
  isError(node: NodeName): boolean;
  /** Whether this operation's reply is lost after it was applied. */
  isLostReply(node: NodeName): boolean;
  /** Throws the 500 of `isError`. */
  drawError(node: NodeName): void;
  /** Throws the 500 of `isLostReply`. */
  drawLostReply(node: NodeName): void;
  /** Down, reset and delay, for the node in the request's header. */
  disturb: MiddlewareHandler<Environment>;
}

export const errorFault = 'InternalServerError due to a fault: nothing was done';
export const lostReplyFault = 'InternalServerError due to a fault: the reply was lost';

interface NodeState {
  faults: NodeFaults;
  draw: () => number;
  /** Aborted when the node goes down: requests that it holds back are cut. */
  fall: AbortController;
}

/** `closing`: cuts the connections of requests that are being delayed when the server stops. */
export function createClusterFaults(closing: AbortSignal | undefined): ClusterFaults {
  const off = nodeFaults.parse({});
  const states = Object.fromEntries(
    nodeNames.map((node) => [
      node,
      { faults: off, draw: Math.random, fall: new AbortController() },
    ]),
  ) as Record<NodeName, NodeState>;

  const happens = (node: NodeName, fault: 'error' | 'lostReply' | 'reset'): boolean => {
    const { faults, draw } = states[node];
    return faults[fault] > 0 && draw() < faults[fault];
  };
  /** Whether it was waited in full; not when the node goes down or the server stops meanwhile. */
  const hold = (node: NodeName): Promise<boolean> => {
    const { fall, faults } = states[node];
    const signal = closing ? AbortSignal.any([closing, fall.signal]) : fall.signal;
    return delay(faults.delayMs, true, { signal }).catch(() => false);
  };
  const isError = (node: NodeName): boolean => happens(node, 'error');
  const isLostReply = (node: NodeName): boolean => happens(node, 'lostReply');

  return {
    all: () =>
      Object.fromEntries(nodeNames.map((node) => [node, states[node].faults])) as Record<
        NodeName,
        NodeFaults
      >,
    set(node, faults) {
      const { fall } = states[node];
      states[node] = {
        faults,
        draw: faults.seed === null ? Math.random : createDraw(faults.seed),
        fall: faults.down ? new AbortController() : fall,
      };
      if (faults.down) fall.abort();
    },
    isError,
    isLostReply,
    drawError(node) {
      if (isError(node)) throw refusal(500, errorFault);
    },
    drawLostReply(node) {
      if (isLostReply(node)) throw refusal(500, lostReplyFault);
    },
    async disturb(c, next) {
      const node = c.req.header('node');
      if (node === undefined || !isNodeName(node)) return next();
      if (states[node].faults.down || happens(node, 'reset')) return cutConnection(c);
      if (states[node].faults.delayMs > 0) {
        // Read the body first: the request then takes effect even when its client has given up meanwhile.
        if (c.req.method !== 'GET') await c.req.arrayBuffer();
        if (!(await hold(node))) return cutConnection(c);
      }
      return next();
    },
  };
}

function cutConnection(c: RequestContext): Response {
  c.env.incoming.socket.resetAndDestroy();
  return RESPONSE_ALREADY_SENT;
}
