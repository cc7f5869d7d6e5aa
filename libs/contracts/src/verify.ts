import { z } from 'zod';

/** The promises of README.md. P3 and P6 leave no trace in the log or on the nodes that could be held against them. */
export const promises = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7'] as const;

/** Something that is not as it must be. `expected` and `found` are for people. */
export const verifyFinding = z.object({
  /** The promise that it breaks. */
  promise: z.enum(promises),
  /** The lane, e.g. `group:5`. */
  key: z.string(),
  /** Null: it lies in the log, or between nodes. */
  node: z.string().nullable(),
  expected: z.string(),
  found: z.string(),
  /** The saga that says so; null where none does. */
  sagaId: z.string().nullable(),
});
export type VerifyFinding = z.infer<typeof verifyFinding>;

/** How far it is; a line about once a second, also while a node is waited for. */
const progressLine = z.object({
  type: z.literal('progress'),
  /** Sagas read from the log. */
  sagas: z.int(),
  /** Distinct group ids seen, in the log or on a node. */
  groups: z.int(),
});

/** Nothing follows: it could not go on. `code` as in a problem. */
const failedLine = z.object({ type: z.literal('failed'), code: z.string(), detail: z.string() });
export type FailedLine = z.infer<typeof failedLine>;

const unreachableNode = z.object({ node: z.string(), reason: z.string() });

/** The last line of GET /v1/verify. */
export const verifySummary = z.object({
  /** Null: nothing was found, but a node was not reachable. */
  consistent: z.boolean().nullable(),
  sagas: z.int(),
  groups: z.int(),
  /** Groups that a saga is changing, or changed meanwhile: not judged. */
  inFlight: z.int(),
  findings: z.int(),
  unreachable: z.array(unreachableNode),
  seconds: z.number(),
});
export type VerifySummary = z.infer<typeof verifySummary>;

/** GET /v1/verify: NDJSON, a line each; the last is a summary, or says why there is none. */
export const verifyLine = z.discriminatedUnion('type', [
  progressLine,
  verifyFinding.extend({ type: z.literal('finding') }),
  verifySummary.extend({ type: z.literal('summary') }),
  failedLine,
]);
export type VerifyLine = z.infer<typeof verifyLine>;

/** Body of POST /v1/reconcile. `prefer` decides where as many nodes have a group as lack it, and the log says nothing. */
export const reconcileRequest = z.strictObject({
  apply: z.boolean(),
  prefer: z.enum(['present', 'absent']).optional(),
});
export type ReconcileRequest = z.infer<typeof reconcileRequest>;

/** A saga that repairs a key. */
export const repair = z.object({
  key: z.string(),
  change: z.enum(['create', 'delete']),
  /** Nodes that it changes. */
  nodes: z.array(z.string()),
  /** Why this way. */
  because: z.string(),
});
export type Repair = z.infer<typeof repair>;

/** What reconcile does not touch, and why. */
export const leftAlone = z.object({ key: z.string(), reason: z.string() });
export type LeftAlone = z.infer<typeof leftAlone>;

/** The last line of POST /v1/reconcile. `planned` = `accepted` + `skipped` when it was applied. */
export const reconcileSummary = z.object({
  applied: z.boolean(),
  planned: z.int(),
  /** Left to the operator. */
  left: z.int(),
  /** Sagas accepted; they go on by themselves. */
  accepted: z.int(),
  /** Not accepted: a saga of the key came between. */
  skipped: z.int(),
  inFlight: z.int(),
  sagas: z.int(),
  groups: z.int(),
  unreachable: z.array(unreachableNode),
  seconds: z.number(),
});
export type ReconcileSummary = z.infer<typeof reconcileSummary>;

/** POST /v1/reconcile: NDJSON, as GET /v1/verify. */
export const reconcileLine = z.discriminatedUnion('type', [
  progressLine,
  repair.extend({ type: z.literal('planned') }),
  leftAlone.extend({ type: z.literal('left') }),
  leftAlone.extend({ type: z.literal('skipped') }),
  z.object({ type: z.literal('accepted'), batchId: z.string(), sagas: z.int() }),
  reconcileSummary.extend({ type: z.literal('summary') }),
  failedLine,
]);
export type ReconcileLine = z.infer<typeof reconcileLine>;
