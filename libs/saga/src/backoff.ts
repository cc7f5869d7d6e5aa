import type { Phase } from '@reliable-ops/contracts';

/** Full jitter: the delay is drawn between 0 and min(cap, base x 2^n), in milliseconds. */
const bounds: Record<Phase, { baseMs: number; capMs: number }> = {
  // The last attempts bridge a restart.
  prepare: { baseMs: 10, capMs: 10_000 },
  action: { baseMs: 10, capMs: 10_000 },
  // A compensation never gives up, so it takes its time. Not too much: when its node is back, its saga still
  // waits for the next attempt, and every saga of its key with it.
  compensation: { baseMs: 100, capMs: 30_000 },
};

/** So many attempts follow each other closely, for most failures are of one call; from then on each waits twice as long. */
export const closeAttempts = 4;

/** The upper bound of the delay before the attempt that follows `attempt` (1 = the first has failed), in milliseconds. */
export function backoffBound(phase: Phase, attempt: number): number {
  const { baseMs, capMs } = bounds[phase];
  const doublings = Math.min(30, Math.max(1, attempt + 1 - closeAttempts));
  return Math.min(capMs, baseMs * 2 ** doublings);
}
