import { setTimeout as delay } from 'node:timers/promises';

/** Waits `delayMs`. Throws the reason of `signal` as soon as it is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(delayMs, undefined, { signal });
  } catch {
    throw signal.reason;
  }
}
