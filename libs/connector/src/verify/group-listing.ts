import { setTimeout as pause } from 'node:timers/promises';
import { groupPage, groupsFound, limits } from '@reliable-ops/contracts';
import type { KyInstance, Options } from 'ky';
import type { ZodType } from 'zod';
import { describeError, outcomeOfStatus } from '../outcome.ts';
import { nodeJson } from '../node-fetch.ts';
import { nodeClient, type ClusterOptions } from '../participants.ts';
import { compareBytes } from './byte-order.ts';

/** A node that did not answer for as long as we are patient, or not as the contract says. */
export class NodeAwayError extends Error {
  override readonly name = 'NodeAwayError';
  readonly node: string;
  constructor(node: string, reason: string) {
    super(reason);
    this.node = node;
  }
}

/** What a node has. All of it throws NodeAwayError, and what the signal says once it is aborted. */
export interface GroupListing {
  node: string;
  /** All ids, in byte order, page by page. */
  pages(): AsyncGenerator<string[], void>;
  /** Those of `ids` that are there. */
  lookUp(ids: string[]): Promise<Set<string>>;
}

export interface ListingOptions extends Omit<ClusterOptions, 'nodes'> {
  /** Milliseconds that one call is repeated for while its outcome is unknown. */
  patienceMs: number;
  signal: AbortSignal;
}

const firstDelayMs = 50;
const longestDelayMs = 500;

/** Reads may be repeated without harm: a call that got no answer, a 408, a 429 or a 5xx is sent again, later and later. */
export function createGroupListing(node: string, options: ListingOptions): GroupListing {
  const { patienceMs, signal } = options;
  const http = nodeClient(options, node);

  async function call<Body>(path: string, init: Options, schema: ZodType<Body>): Promise<Body> {
    const giveUpAt = performance.now() + patienceMs;
    for (let tried = 0; ; tried++) {
      signal.throwIfAborted();
      const answer = await tryOnce(http, path, { ...init, signal }, schema);
      if ('body' in answer) return answer.body;
      const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** tried) * (0.5 + Math.random());
      if (!answer.mayPass || performance.now() + delayMs > giveUpAt)
        throw new NodeAwayError(node, answer.reason);
      await pause(delayMs, undefined, { signal });
    }
  }

  return {
    node,
    async *pages() {
      for (let after: string | undefined; ;) {
        const { groups, next } = await call(
          'v1/groups',
          { searchParams: { limit: limits.pageGroups, ...(after === undefined ? {} : { after }) } },
          groupPage,
        );
        const ids = groups.map(({ groupId }) => groupId);
        requireOrder(node, after, ids);
        yield ids;
        if (next === null) return;
        requireOrder(node, after, [next]);
        after = next;
      }
    },
    async lookUp(ids) {
      const found = new Set<string>();
      for (let from = 0; from < ids.length; from += limits.pageGroups) {
        const asked = ids.slice(from, from + limits.pageGroups);
        const { groups } = await call(
          'v1/groups/lookup',
          { method: 'post', ...nodeJson(asked) },
          groupsFound,
        );
        for (const { groupId } of groups) found.add(groupId);
      }
      return found;
    },
  };
}

/** A listing in another order would make a merge see gaps, and one that does not move on would keep us for ever. */
function requireOrder(node: string, after: string | undefined, ids: string[]): void {
  let before = after;
  for (const id of ids) {
    if (before !== undefined && compareBytes(before, id) >= 0)
      throw new NodeAwayError(node, 'its listing is not in the byte order of the ids');
    before = id;
  }
}

type Answer<Body> = { body: Body } | { reason: string; mayPass: boolean };

async function tryOnce<Body>(
  http: KyInstance,
  path: string,
  init: Options,
  schema: ZodType<Body>,
): Promise<Answer<Body>> {
  try {
    const response = await http(path, init);
    const text = await response.text();
    if (!response.ok) {
      const { status } = response;
      const mayPass = outcomeOfStatus(status, '').result === 'unknown';
      return { reason: `${status} ${text.slice(0, 200)}`, mayPass };
    }
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return { body: parsed.data };
    return { reason: 'it answers, but not as a node that lists its groups', mayPass: false };
  } catch (error) {
    init.signal?.throwIfAborted();
    return { reason: describeError(error), mayPass: true };
  }
}
