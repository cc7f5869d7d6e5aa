import { z } from 'zod';
import { limits } from './limits.ts';
import { nodeFaults } from './node-api.ts';

/** Text that Postgres keeps as it is. */
const text = (length: number) =>
  z
    .string()
    .max(length, `must have at most ${length} characters`)
    .refine((value) => value.trim() !== '', 'must not be empty')
    .refine((value) => !value.includes('\0'), 'must not hold a NUL character')
    .refine((value) => !/\p{Surrogate}/u.test(value), 'must not hold half of a surrogate pair');

const by = text(limits.operatorLength).optional();
const note = text(limits.noteLength);
const ids = z
  .array(z.string().regex(/^\d{1,15}$/, 'must be the id of a saga'))
  .min(1, 'must name a saga')
  .max(limits.operatedSagas, `must name at most ${limits.operatedSagas} sagas`);

/**
 * Who does it, and why. Body of POST /v1/sagas/:id/cancel and /retry, and of POST /v1/participants/:name/pause and
 * /resume; an empty body is one too.
 */
export const operatorBody = z.strictObject({ by, note: note.optional() });
export type OperatorBody = z.infer<typeof operatorBody>;

/** Body of POST /v1/sagas/:id/resolve: whoever vouches for a saga says why. */
export const resolveBody = z.strictObject({ by, note });

/** Bodies of POST /v1/sagas/cancel, /retry and /resolve. */
export const operatorBulkBody = operatorBody.extend({ ids });
export const resolveBulkBody = resolveBody.extend({ ids });

/** Sagas a second that come forward, where nobody says another number. */
export const defaultPerSecond = 100;
/** How far POST /v1/stuck/retry has come. */
export const stuckPlace = z.strictObject({
  before: z.int().positive(),
  sagas: z.int().nonnegative(),
  startedAt: z.int().nonnegative(),
});
/** Body of POST /v1/stuck/retry. `from`: the `next` of the answer before; left out, from the beginning. */
export const retryStuckBody = operatorBody.extend({
  perSecond: z.int().min(1).max(10_000).default(defaultPerSecond),
  from: stuckPlace.optional(),
});
export type RetryStuckBody = z.input<typeof retryStuckBody>;

/**
 * `done`: it has ended so; `begun`: it is on its way; `refused`: it makes no sense for a saga in that state, `reason`
 * says why; `unknown`: there is no such saga. The same again gets the same answer.
 */
export const operatedView = z.object({
  id: z.string(),
  result: z.enum(['done', 'begun', 'refused', 'unknown']),
  reason: z.string().nullable(),
});
export type OperatedView = z.infer<typeof operatedView>;
/** In the order asked. */
export const operatedViews = z.object({ sagas: z.array(operatedView) });

/**
 * `sagas` stuck ones so far, over `seconds`; `hastened`: those of this answer that are tried earlier now. `next`: there are
 * more, so ask again with it; null: that was all.
 */
export const retryStuckView = z.object({
  sagas: z.int(),
  hastened: z.int(),
  seconds: z.int(),
  next: stuckPlace.nullable(),
});
export type RetryStuckView = z.infer<typeof retryStuckView>;

/** GET /v1/stuck: what keeps compensations from being done, the commonest first. A saga counts under each step that fails. */
export const stuckView = z.object({
  sagas: z.int(),
  causes: z.array(z.object({ participant: z.string(), error: z.string(), sagas: z.int() })),
});
export type StuckView = z.infer<typeof stuckView>;

export const pauseView = z.object({ by: z.string(), at: z.string(), note: z.string().nullable() });
/**
 * One participant, and the jobs of its own queue. `active`: all that is under way there where it is paused; else without what is sent to
 * several at once. `jobs` null: Redis is not reachable.
 */
export const participantView = z.object({
  name: z.string(),
  paused: pauseView.nullable(),
  jobs: z.object({ waiting: z.int(), active: z.int(), delayed: z.int() }).nullable(),
});
export type ParticipantView = z.infer<typeof participantView>;
/** POST /v1/participants/:name/pause and /resume. `told` false: Redis is not reachable, its queue hears of it once it is back. */
export const pausedView = participantView.extend({ told: z.boolean() });
export type PausedView = z.infer<typeof pausedView>;
/** GET /v1/participants */
export const participantViews = z.object({ participants: z.array(participantView) });

/** GET /v1/faults: what each node does wrong on purpose. */
export const clusterFaults = z.record(z.string(), nodeFaults);
export type ClusterFaults = z.infer<typeof clusterFaults>;
