import { setTimeout as sleep } from 'node:timers/promises';
import { pruneResult, type PruneRequest, type PruneResult } from '@reliable-ops/contracts';
import type { PrunedParticipant } from '@reliable-ops/saga';
import type { KyInstance } from 'ky';
import { nodeJson } from './node-fetch.ts';
import { describeError } from './outcome.ts';
import { nodeClient, type ClusterOptions } from './participants.ts';

export interface PrunerOptions extends ClusterOptions {
  /** A node that has no such endpoint, told once: it keeps what it keeps. */
  onUnable(node: string): void;
}

/** A pause lasts this many times as long as the call before it: a node has other things to do. */
const pausePerCall = 9;
/** Milliseconds between two questions whether the statements have ended that do not know the floor yet. */
const askAgainMs = 200;
/** So often; a node's statements are bounded in time, and the next round comes anyway. */
const mostAsked = 300;
/** Pages of one round: far more than any node has. */
const mostPages = 1_000_000;

/**
 * Tells every node the floor under which tokens are stale for ever, and lets it forget what it kept for them, page by page
 * with pauses. A node that fails is left for the next round.
 */
export function createPruner(
  options: PrunerOptions,
): (floor: number, signal: AbortSignal) => Promise<PrunedParticipant[]> {
  const nodes = options.nodes.map(({ name }) => ({ name, http: nodeClient(options, name) }));
  const unable = new Set<string>();
  const noteUnable = (name: string): void => {
    if (!unable.has(name)) options.onUnable(name);
    unable.add(name);
  };

  const pruneNode = async (
    { name, http }: (typeof nodes)[number],
    floor: number,
    signal: AbortSignal,
  ): Promise<PrunedParticipant> => {
    const pruned: PrunedParticipant = { participant: name, removed: 0, cleared: 0, error: null };
    let after: string | null = null;
    let asked = 0;
    try {
      for (let page = 0; page < mostPages; page++) {
        const since = performance.now();
        const result = await prunePage(http, { floor, after }, signal);
        if (!result) {
          noteUnable(name);
          return pruned;
        }
        pruned.removed += result.removed;
        pruned.cleared += result.cleared;
        if (result.isDone) return pruned;
        const isWaiting = result.after === after;
        if (isWaiting && ++asked > mostAsked)
          return {
            ...pruned,
            error: 'statements still run that began before the floor was raised',
          };
        after = result.after;
        const pauseMs = isWaiting ? askAgainMs : (performance.now() - since) * pausePerCall;
        await sleep(pauseMs, undefined, { signal });
      }
      return { ...pruned, error: `more than ${mostPages} pages` };
    } catch (error) {
      return { ...pruned, error: signal.aborted ? 'this process stops' : describeError(error) };
    }
  };

  return async (floor, signal) => {
    const all: PrunedParticipant[] = [];
    for (const node of nodes) if (!signal.aborted) all.push(await pruneNode(node, floor, signal));
    return all;
  };
}

/** Undefined where the node does not know the endpoint. */
async function prunePage(
  http: KyInstance,
  request: PruneRequest,
  signal: AbortSignal,
): Promise<PruneResult | undefined> {
  const response = await http.post('v1/prune', { ...nodeJson(request), signal });
  const text = await response.text();
  if ([404, 405, 501].includes(response.status)) return undefined;
  if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200)}`);
  return pruneResult.parse(JSON.parse(text));
}
