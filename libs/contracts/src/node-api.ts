import { z } from 'zod';
import { limits } from './limits.ts';

/** A group's id, any text that Postgres can keep as a key: case-sensitive, untrimmed, may be empty. */
export const groupId = z
  .string()
  .max(limits.groupIdLength, `must have at most ${limits.groupIdLength} characters`)
  .refine((id) => !id.includes('\0'), 'must not hold a NUL character')
  // UTF-8 has no such thing: the driver would write U+FFFD instead, and two ids would become one.
  .refine((id) => !/\p{Surrogate}/u.test(id), 'must not hold half of a surrogate pair');

/** The fenced protocol: POST /v1/operations, header `node`, body an array of these, a result for each in the same order. */
export const operation = z.strictObject({
  op: z.enum(['create', 'delete', 'undo']),
  groupId,
  /** Ownership timestamp in seconds. */
  timestamp: z.number(),
  /** [fence, phase]; phase 0 = action, 1 = compensation. */
  token: z.tuple([z.int().positive(), z.union([z.literal(0), z.literal(1)])]),
});
export type Operation = z.infer<typeof operation>;
export const operations = z.array(operation).max(limits.operations);

/** What the node stores under a token, and repeats when the token comes again. */
export const operationOutcomes = [
  'created',
  'existed', // create of what was there
  'deleted',
  'absent', // delete of what was not there
  'restored', // undo put the before-image back
  'nothing', // undo had nothing to take back
  'changed', // undo left the record alone: somebody else has written it since
] as const;
export type OperationOutcome = (typeof operationOutcomes)[number];

/** `status` 200: done, `outcome` says what; 409: `stale`, an older token, nothing changed; else an error, the effect is unknown. */
export const operationResult = z.union([
  z.object({ status: z.literal(200), outcome: z.enum(operationOutcomes) }),
  z.object({ status: z.int(), message: z.string() }),
]);
export type OperationResult = z.infer<typeof operationResult>;
export const operationResults = z.array(operationResult);
export const staleStatus = 409;

/** Faults of one node, at run time. PUT /v1/faults/:node replaces them all; what is left out is off. */
export const nodeFaults = z.strictObject({
  /** Probability of an error before the change. */
  error: z.number().min(0).max(1).default(0),
  /** Probability of an error after the change (a lost reply). */
  lostReply: z.number().min(0).max(1).default(0),
  /** Milliseconds that each request waits first. */
  delayMs: z.int().min(0).max(600_000).default(0),
  /** Probability that the connection is cut before anything is done. */
  reset: z.number().min(0).max(1).default(0),
  /** Every connection is cut. */
  down: z.boolean().default(false),
  /** Makes the draws repeatable; null: they are not. */
  seed: z.int().nullable().default(null),
});
export type NodeFaults = z.infer<typeof nodeFaults>;

/** GET /v1/summary, header `node`: how many groups, and a digest of their ids: equal digests, equal ids. */
export const nodeSummary = z.object({ groups: z.int(), digest: z.string() });
export type NodeSummary = z.infer<typeof nodeSummary>;

export const listedGroup = z.object({ groupId: z.string(), timestamp: z.number().nullable() });
export type ListedGroup = z.infer<typeof listedGroup>;

/**
 * GET /v1/groups?after=<id>&limit=<n>, header `node`: the groups whose ids follow `after` (an empty one is an id; leave
 * it out for the first page), in the order of their UTF-8 bytes. `next` asks for the page that follows as its `after`;
 * null: there is none. A page may hold fewer than `limit` groups, also none, and still have a next one.
 */
export const groupPage = z.object({
  groups: z.array(listedGroup),
  next: z.string().nullable(),
});
export type GroupPage = z.infer<typeof groupPage>;

/** POST /v1/groups/lookup, header `node`, body an array of ids: those of them that are there, in any order. */
export const groupIds = z.array(groupId).max(limits.pageGroups);
export const groupsFound = z.object({ groups: z.array(listedGroup) });

/**
 * POST /v1/prune, header `node`: raises the node's floor, under which every token is stale for ever, and removes one
 * page of what the node keeps only for such tokens. `after`: of the answer before; without it, from the beginning.
 */
export const pruneRequest = z.strictObject({
  floor: z.int().nonnegative(),
  after: groupId.nullable().default(null),
});
export type PruneRequest = z.input<typeof pruneRequest>;
export const pruneResult = z.object({
  /** In force: it never goes down, so it may be above the one asked for. */
  floor: z.int(),
  /** Tombstones that left. */
  removed: z.int(),
  /** Records that stay, without their token. */
  cleared: z.int(),
  /** False: ask again, with `after`. The same `after` as before: statements still run that do not know the floor. */
  isDone: z.boolean(),
  after: z.string().nullable(),
});
export type PruneResult = z.infer<typeof pruneResult>;
