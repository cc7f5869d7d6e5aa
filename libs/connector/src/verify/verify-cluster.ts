import type { VerifyFinding } from '@reliable-ops/contracts';
import {
  compensationsOf,
  readLanes,
  type LaneState,
  type Registry,
  type VerifyLog,
} from '@reliable-ops/saga';
import type { ClusterOptions } from '../participants.ts';
import { compareBytes } from './byte-order.ts';
import {
  expectationOf,
  groupKeyPrefix,
  isAsItShouldBe,
  type Divergence,
  type Presence,
} from './divergence.ts';
import { createGroupListing, NodeAwayError, type GroupListing } from './group-listing.ts';
import { PageCursor } from './page-cursor.ts';

export interface VerifyOptions {
  log: VerifyLog;
  registry: Registry;
  cluster: ClusterOptions;
  /** Milliseconds that one call to a node is repeated for before the node counts as not reachable; default 10 s. */
  patienceMs?: number;
}

export type VerifyEvent =
  { type: 'finding'; finding: VerifyFinding } | { type: 'divergence'; divergence: Divergence };

/** One run. `events` throws where the log cannot be read; the rest grows while it is read. */
export interface Verification {
  events: AsyncGenerator<VerifyEvent, void>;
  counts: { sagas: number; groups: number; inFlight: number };
  unreachable: { node: string; reason: string }[];
}

/** Findings of one run that lie between sagas, lanes and outbox: what is wrong with all of them needs no list of all. */
const brokenLinks = 10_000;
/** Suspects looked at again together. */
const suspectsTogether = 500;

/**
 * Compares the cluster with what the log says: a merge of the log's lanes and every node's listing, all of them in the
 * byte order of the ids and read page by page, so memory does not grow with them. They are not of one moment, so what
 * does not fit is only a suspect, and is looked at again.
 */
export function verifyCluster(options: VerifyOptions, signal: AbortSignal): Verification {
  const { log, registry, cluster, patienceMs = 10_000 } = options;
  const counts = { sagas: 0, groups: 0, inFlight: 0 };
  const unreachable: Verification['unreachable'] = [];
  let nodes = cluster.nodes.map(({ name }): NodeSource => {
    const listing = createGroupListing(name, { ...cluster, patienceMs, signal });
    return { listing, ids: new PageCursor(listing.pages()) };
  });

  /** From here on the node is unknown: neither right nor wrong. */
  const giveUp = (node: NodeSource, error: unknown): void => {
    if (!(error instanceof NodeAwayError)) throw error;
    unreachable.push({ node: error.node, reason: error.message });
    node.ids.close();
    nodes = nodes.filter((other) => other !== node);
  };

  async function* events(): AsyncGenerator<VerifyEvent, void> {
    const told: VerifyFinding[] = await log.findBrokenLinks(brokenLinks);
    const lanes = new PageCursor(readGroupLanes(told));
    let suspects: string[] = [];
    try {
      for (;;) {
        yield* told.splice(0).map((finding) => ({ type: 'finding' as const, finding }));
        await Promise.all([
          lanes.fill(),
          ...nodes.map((node) => node.ids.fill().catch((error: unknown) => giveUp(node, error))),
        ]);
        signal.throwIfAborted();
        suspects.push(...mergeHeads(lanes));
        const isThrough = lanes.isThrough && nodes.every(({ ids }) => ids.isThrough);
        if (suspects.length >= suspectsTogether || isThrough) {
          const divergences = await lookAgain(suspects);
          suspects = [];
          for (const divergence of divergences) yield { type: 'divergence', divergence };
        }
        if (isThrough && told.length === 0) return;
      }
    } finally {
      lanes.close();
      for (const { ids } of nodes) ids.close();
    }
  }

  /** The log's lanes of groups; what it finds wrong with lanes on the way goes into `told`. */
  async function* readGroupLanes(told: VerifyFinding[]): AsyncGenerator<GroupLane[], void> {
    for await (const page of readLanes(log, compensationsOf(registry))) {
      counts.sagas += page.sagas;
      told.push(...page.findings);
      yield page.lanes
        .filter(({ key }) => key.startsWith(groupKeyPrefix))
        .map((lane) => ({ groupId: lane.key.slice(groupKeyPrefix.length), lane }));
    }
  }

  /** Takes ids, the least first, for as long as every source knows its next one. Answers those that do not fit. */
  function mergeHeads(lanes: PageCursor<GroupLane>): string[] {
    const suspects: string[] = [];
    while (lanes.isReady && nodes.every(({ ids }) => ids.isReady)) {
      const head = lanes.head;
      let least = head?.groupId;
      for (const { ids } of nodes) least = lesserOf(least, ids.head);
      if (least === undefined) break;
      const presence = new Map<string, boolean>();
      for (const { listing, ids } of nodes) {
        const isThere = ids.head === least;
        presence.set(listing.node, isThere);
        if (isThere) ids.take();
      }
      const own = head?.groupId === least ? head?.lane : undefined;
      if (own) lanes.take();
      counts.groups++;
      if (own && own.active > 0) counts.inFlight++;
      else if (!isAsItShouldBe(expectationOf(own), presence)) suspects.push(least);
    }
    return suspects;
  }

  /**
   * The second look, for all suspects together: how their lanes stand, then the nodes, then the lanes again. Where a saga
   * is in flight, or one has come between, the nodes may be seen in the middle of a change: not judged.
   */
  async function lookAgain(groupIds: string[]): Promise<Divergence[]> {
    if (groupIds.length === 0) return [];
    const keys = groupIds.map((groupId) => groupKeyPrefix + groupId);
    const before = await log.readLaneStates(keys);
    const seen = new Map<string, Set<string>>();
    await Promise.all(
      nodes.map(async (node) => {
        try {
          seen.set(node.listing.node, await node.listing.lookUp(groupIds));
        } catch (error) {
          giveUp(node, error);
        }
      }),
    );
    const after = await log.readLaneStates(keys);
    return groupIds.flatMap((groupId, index) => {
      const [lane, later] = [before.get(keys[index]!), after.get(keys[index]!)];
      const lastSagaId = later?.lastSagaId ?? null;
      if ((lane?.active ?? 0) > 0 || (lane?.lastSagaId ?? null) !== lastSagaId) {
        counts.inFlight++;
        return [];
      }
      const presence: Presence = new Map(
        nodes.map(({ listing: { node } }) => [node, seen.get(node)?.has(groupId) === true]),
      );
      const expected = expectationOf(later);
      return isAsItShouldBe(expected, presence)
        ? []
        : [{ groupId, lastSagaId, expected, presence }];
    });
  }

  return { events: events(), counts, unreachable };
}

interface NodeSource {
  listing: GroupListing;
  ids: PageCursor<string>;
}

interface GroupLane {
  groupId: string;
  lane: LaneState;
}

/** Most ids are on all nodes: whether they are the same is told faster than their order. */
function lesserOf(a: string | undefined, b: string | undefined): string | undefined {
  if (a === b || b === undefined) return a;
  return a === undefined || compareBytes(b, a) < 0 ? b : a;
}
