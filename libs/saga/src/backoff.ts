/** Full jitter: the delay is drawn between 0 and min(cap, base x 2^attempt). */
const baseMs = 100;
const actionCapMs = 10_000;
/**
 * A compensation never gives up, so it may wait longer between attempts. Not too long: when its node is back, its saga still
 * waits for the next one, and every saga of its key with it.
 */
const compensationCapMs = 30_000;

/** The upper bound of the delay before the attempt that follows `attempt` (1 = the first has failed), in milliseconds. */
export function backoffBound(
  phase: 'prepare' | 'action' | 'compensation',
  attempt: number,
): number {
  const capMs = phase === 'compensation' ? compensationCapMs : actionCapMs;
  return Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}
