import type { Entry } from './command.ts';

/**
 * Entries of the same sagas for several participants. Committed together, their sagas are read and written once; and a
 * saga neither goes on nor turns back before all of its stage is there, so hardly anybody is kept waiting by that.
 */
export interface Siblings {
  /** Counts the entry as being with its participant until `work` is done. */
  during<T>(entry: Entry, work: () => Promise<T>): Promise<T>;
  /** Resolves when none of its siblings is with a participant any more, in this process; at the latest after `limitMs`. */
  untilBack(entry: Entry, limitMs: number): Promise<void>;
  /** Resolves when nobody waits. */
  idle(): Promise<void>;
}

interface Family {
  /** Entries that are with their participants. */
  away: number;
  waiting: Set<() => void>;
}

export function createSiblings(): Siblings {
  /** By their first saga: entries that one decision has made begin with the same. */
  const families = new Map<number, Family>();
  const waits = new Set<Promise<void>>();
  const idOf = ({ items }: Entry): number => items[0]![0];

  return {
    async during(entry, work) {
      const family = families.get(idOf(entry)) ?? { away: 0, waiting: new Set() };
      families.set(idOf(entry), family);
      family.away++;
      try {
        return await work();
      } finally {
        family.away--;
        if (family.away === 0) {
          families.delete(idOf(entry));
          for (const goOn of family.waiting) goOn();
        }
      }
    },
    async untilBack(entry, limitMs) {
      const family = families.get(idOf(entry));
      if (!family) return;
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
    },
    async idle() {
      await Promise.all(waits);
    },
  };
}
