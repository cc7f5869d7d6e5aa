import { createDraw } from '@reliable-ops/runtime/seeded-draw';

/** Chance from a seed: the same seed gives the same run. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, bound). */
  below(bound: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** An identity that sorts in no useful order. */
  id(): string;
}

export function createRandom(seed: number): Random {
  // Neighbouring seeds must not begin alike.
  const next = createDraw(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b));
  let ids = 0;
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    chance: (probability) => probability > 0 && next() < probability,
    pick: (items) => items[below(items.length)]!,
    id: () => `${below(0x10000).toString(16).padStart(4, '0')}-${++ids}`,
  };
}
