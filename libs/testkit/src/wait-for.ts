import { setTimeout as pause } from 'node:timers/promises';

export interface WaitForOptions {
  /** Default 20 s. */
  timeoutMs?: number;
  /** Default 20 ms. */
  everyMs?: number;
  /** Added to the error: what was seen last, the output of the processes. */
  explain?: () => unknown;
}

/**
 * Asks `condition` until its answer is truthy, and returns that. An error it throws counts as "not yet"; the last one
 * is the cause of the error that says what was awaited in vain.
 */
export async function waitFor<T>(
  description: string,
  condition: () => T | Promise<T>,
  { timeoutMs = 20_000, everyMs = 20, explain }: WaitForOptions = {},
): Promise<Exclude<Awaited<T>, undefined | null | false | 0 | ''>> {
  const until = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer as Exclude<Awaited<T>, undefined | null | false | 0 | ''>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > until) break;
    await pause(everyMs);
  }
  const seen = explain === undefined ? '' : `\n${String(explain())}`;
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  throw new Error(`waited ${timeoutMs} ms in vain for ${description}${reason}${seen}`, { cause });
}
