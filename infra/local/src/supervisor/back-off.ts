/** Waits before the next start: 0.1 s, doubling to 5 s. `deaths` in a row, 1 after the first. */
export function backOffMs(deaths: number): number {
  return Math.min(5_000, 100 * 2 ** (deaths - 1));
}

/** Who lived that long was well: its next death counts as the first again. */
export const steadyAfterMs = 10_000;

/** From this many deaths in a row on, one says so. */
export const keepsDyingAfter = 3;
