/** Sagas looked at, at most, of those that ended between two samples. */
const mostSampled = 200;

/** Counts sagas that end, and keeps some of them, each with the same chance. */
export interface EndedTally {
  hint(sagaIds: readonly number[]): void;
  /** What came since the last call. */
  take(): { count: number; ids: number[] };
}

/** @param random in [0, 1) */
export function createEndedTally(random: () => number = Math.random): EndedTally {
  let count = 0;
  let ids: number[] = [];
  return {
    hint(sagaIds) {
      for (const id of sagaIds) {
        count++;
        if (ids.length < mostSampled) ids.push(id);
        else {
          const place = Math.floor(random() * count);
          if (place < mostSampled) ids[place] = id;
        }
      }
    },
    take() {
      const taken = { count, ids };
      count = 0;
      ids = [];
      return taken;
    },
  };
}
