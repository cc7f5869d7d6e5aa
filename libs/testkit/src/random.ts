import { createDraw } from '@reliable-ops/runtime/seeded-draw';

/** Chance that repeats: the same seed, the same draws, in their order. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number, both bounds included. */
  between(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[];
}

/** `part` gives each user of one seed draws of his own. */
export function createRandom(seed: number, part = ''): Random {
  const next = createDraw(
    [...part].reduce((mixed, char) => Math.imul(mixed ^ char.charCodeAt(0), 0x01000193), seed | 0),
  );
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    pick: (items) => items[between(0, items.length - 1)]!,
    shuffle(items) {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last--) {
        const other = between(0, last);
        [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
      }
      return shuffled;
    },
  };
}
