/** How many there are of each: a batch is counted first, so that a counter hears of it once. */
export interface Tally extends Iterable<[string, number]> {
  add(what: string, n?: number): void;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    add: (what, n = 1) => void counts.set(what, (counts.get(what) ?? 0) + n),
    [Symbol.iterator]: () => counts.entries(),
  };
}
