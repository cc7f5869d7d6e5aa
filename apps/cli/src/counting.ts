import { clearLine, cursorTo } from 'node:readline';
import type { Io } from './io.ts';
import { formatCount } from './text.ts';

/** Counts that grow while something without a known end is read: one line in place on a terminal, elsewhere nothing. */
export function startCounting(
  { stderr }: Io,
  heading: string,
): { update(counts: { sagas: number; groups: number }): void; clear(): void } {
  const isTerminal = stderr.isTTY === true;
  let isShown = false;
  const clear = (): void => {
    if (!isShown) return;
    cursorTo(stderr, 0);
    clearLine(stderr, 0);
    isShown = false;
  };
  return {
    update({ sagas, groups }) {
      if (!isTerminal) return;
      clear();
      stderr.write(`${heading}: ${formatCount(sagas)} sagas, ${formatCount(groups)} groups`);
      isShown = true;
    },
    clear,
  };
}
