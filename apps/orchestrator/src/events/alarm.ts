/** A sleep that others may end, also before it has begun. */
export interface Alarm {
  ring(): void;
  /** Ends after `limitMs`, or when it rings, or at once where it has rung since the last one. For one sleeper. */
  sleep(limitMs: number): Promise<void>;
}

/** Longer than this no timer runs. */
const longestSleepMs = 2 ** 31 - 1;

export function createAlarm(): Alarm {
  let hasRung = false;
  let wake = (): void => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async sleep(limitMs) {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(limitMs, longestSleepMs));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      hasRung = false;
      wake = () => {};
    },
  };
}
