import { hasEnded, type ChangedSaga } from '@reliable-ops/contracts';
import type { Saga } from '@reliable-ops/saga';
import { summaryOf } from '../sagas/view.ts';

/** Sagas whose last state is remembered. */
const mostKnown = 2_000;
/** Of those that had not ended, how many are worth another look: the last ones told of. */
const mostOpen = 200;

/** What was told of sagas, or seen of them: the same is no news. */
export class KnownSagas {
  /** In the order told. */
  #states = new Map<number, { text: string; isOpen: boolean }>();

  isNews(saga: Saga): boolean {
    return this.#states.get(saga.id)?.text !== textOf(saga);
  }

  remember(saga: Saga): void {
    this.#states.delete(saga.id);
    this.#states.set(saga.id, { text: textOf(saga), isOpen: !hasEnded(saga.status) });
    if (this.#states.size > mostKnown) this.#states.delete(this.#states.keys().next().value!);
  }

  /** Those that had not ended. */
  open(): number[] {
    const ids = [...this.#states].filter(([, { isOpen }]) => isOpen).map(([id]) => id);
    return ids.slice(-mostOpen);
  }
}

export function changedSagaOf(saga: Saga): ChangedSaga {
  const { input: _, ...changed } = summaryOf(saga);
  return changed;
}

const textOf = (saga: Saga): string => JSON.stringify(changedSagaOf(saga));
