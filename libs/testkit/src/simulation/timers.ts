import type { Life } from './scheduler.ts';
import type { World } from './world.ts';

interface Timer {
  isCleared: boolean;
}

/**
 * While a run lasts, `setTimeout` is one of its steps, due in its own time, and `setImmediate` one that is due now: no clock
 * of ours can be seen from inside.
 * `current` answers whose step is being taken. Answers a function that gives the real timers back.
 */
export function simulateTimers(world: World, current: () => Life | undefined): () => void {
  const { setTimeout, clearTimeout, setImmediate } = globalThis;
  const start = (run: () => void, afterMs = 0): Timer => {
    const timer = { isCleared: false };
    world.schedule(current(), 'timer', () => timer.isCleared || run(), { afterMs });
    return timer;
  };
  const clear = (timer: Timer | undefined): void => {
    if (timer) timer.isCleared = true;
  };
  globalThis.setTimeout = start as unknown as typeof setTimeout;
  globalThis.setImmediate = ((run: () => void) => start(run)) as unknown as typeof setImmediate;
  globalThis.clearTimeout = clear as unknown as typeof clearTimeout;
  return () => {
    globalThis.setTimeout = setTimeout;
    globalThis.clearTimeout = clearTimeout;
    globalThis.setImmediate = setImmediate;
  };
}
