import { setTimeout as delay } from 'node:timers/promises';
import { InterruptedError } from './errors.ts';

/** The error that an aborted `signal` asks to end with. */
export function interruption(signal: AbortSignal): InterruptedError {
  return signal.reason instanceof InterruptedError ? signal.reason : new InterruptedError();
}

/** Waits `delayMs`. Throws InterruptedError as soon as `signal` is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(delayMs, undefined, { signal });
  } catch {
    throw interruption(signal);
  }
}
