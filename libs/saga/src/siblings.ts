import type { Entry } from './command.ts';

/**
 * Entries of the same sagas for several participants. Committed together, their sagas are read and written once; and a
 * saga neither goes on nor turns back before all of its stage is there, so hardly anybody is kept waiting by that.
 */
export interface Siblings {
  /**
   * Answers what `work` does once all of the entry's siblings are back from their participants as well; at the latest
   * after another `patience` times as long as it took itself, for one may hang; where one was never seen here, after `unseenMs`, for
   * another process may have it.
   */
  together<T>(entry: Entry, work: () => Promise<T>): Promise<T>;
  /** Resolves when nobody waits. */
  idle(): Promise<void>;
}

/** Jobs of siblings are fetched within milliseconds of each other, if they come to this process at all. */
const unseenMs = 50;

interface Family {
  /** Entries that are not back yet: with their participants, or never seen here. */
  missing: number;
  /** Of these, how many are with their participants. */
  away: number;
  waiting: Set<() => void>;
}

export function createSiblings(patience: number, clock: () => number): Siblings {
  /** By their first saga: entries that one decision has made begin with the same. */
  const families = new Map<number, Family>();
  const waits = new Set<Promise<void>>();

  const untilBack = async (family: Family, limitMs: number): Promise<void> => {
    const wait = new Promise<void>((resolve) => {
      const goOn = (): void => {
        clearTimeout(timer);
        family.waiting.delete(goOn);
        resolve();
      };
      const timer = setTimeout(goOn, limitMs);
      family.waiting.add(goOn);
    });
    waits.add(wait);
    await wait;
    waits.delete(wait);
  };

  return {
    async together(entry, work) {
      const id = entry.items[0]![0];
      const family = families.get(id) ?? {
        missing: entry.siblings ?? 1,
        away: 0,
        waiting: new Set(),
      };
      families.set(id, family);
      const isTogether = (): boolean => family.away === 0 && family.missing <= 0;
      const since = clock();
      family.away++;
      try {
        const result = await work().finally(() => {
          family.away--;
          family.missing--;
          if (isTogether()) for (const goOn of family.waiting) goOn();
        });
        const limitMs = patience * (clock() - since);
        const isOneUnseen = family.missing > family.away;
        if (!isTogether())
          await untilBack(family, isOneUnseen ? Math.min(unseenMs, limitMs) : limitMs);
        return result;
      } finally {
        const isOver = family.away === 0 && family.waiting.size === 0;
        if (isOver && families.get(id) === family) families.delete(id);
      }
    },
    async idle() {
      await Promise.all(waits);
    },
  };
}
