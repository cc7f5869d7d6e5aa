import { createAlarm, type Alarm } from './alarm.ts';
import type { HintListener } from './hints.ts';

/** Who follows one saga each. */
export interface SagaWatch extends HintListener {
  /** Rings when the saga may have changed. */
  follow(sagaId: number): Alarm & Disposable;
}

export function createSagaWatch(): SagaWatch {
  const followers = new Map<number, Set<Alarm>>();
  return {
    follow(sagaId) {
      const alarm = createAlarm();
      const others = followers.get(sagaId) ?? new Set();
      followers.set(sagaId, others.add(alarm));
      return {
        ...alarm,
        [Symbol.dispose]() {
          others.delete(alarm);
          if (others.size === 0) followers.delete(sagaId);
        },
      };
    },
    isAwaited: () => followers.size > 0,
    hint(changed) {
      for (const { ids } of changed)
        for (const id of ids) for (const alarm of followers.get(id) ?? []) alarm.ring();
    },
  };
}
