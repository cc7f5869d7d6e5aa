import type { Logger } from '@reliable-ops/runtime';

/** Milliseconds in which the same complaint is not repeated. */
const quietMs = 30_000;

/** Each connection complains at each attempt while Redis is away; the log hears it once in a while. */
export function createRedisComplaints(logger: Logger): (error: Error) => void {
  const lastAt = new Map<string, number>();
  return (error) => {
    const now = performance.now();
    if (now - (lastAt.get(error.message) ?? -Infinity) < quietMs) return;
    if (lastAt.size > 100) lastAt.clear();
    lastAt.set(error.message, now);
    logger.warn({ err: error }, 'Redis is away: what is accepted now is published later');
  };
}
