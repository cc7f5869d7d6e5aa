import { hasEnded } from '@reliable-ops/contracts';
import type { HintListener } from '../../events/hints.ts';

/** Sagas looked at, at most, of those that ended between two samples. */
const mostSampled = 200;

interface Ended {
  completed: number;
  takenBack: number;
  /** Some of them, each with the same chance. */
  ids: number[];
}

/** Counts sagas that end, as processes tell of them. What is told while Redis is away is not counted. */
export interface EndedTally extends HintListener {
  /** What came since the last call. */
  take(): Ended;
}

const none = (): Ended => ({ completed: 0, takenBack: 0, ids: [] });

/** @param random in [0, 1) */
export function createEndedTally(random: () => number = Math.random): EndedTally {
  let ended = none();
  return {
    isAwaited: () => true,
    hint(changed) {
      for (const { status, ids } of changed) {
        if (!hasEnded(status)) continue;
        for (const id of ids) {
          if (status === 'completed') ended.completed++;
          else ended.takenBack++;
          const count = ended.completed + ended.takenBack;
          const place = count <= mostSampled ? count - 1 : Math.floor(random() * count);
          if (place < mostSampled) ended.ids[place] = id;
        }
      }
    },
    take() {
      const taken = ended;
      ended = none();
      return taken;
    },
  };
}
