import type { EngineObserver } from '@reliable-ops/saga';

/** One observer for several. */
export function combineObservers(observers: EngineObserver[]): EngineObserver {
  return {
    accepted: (batch) => observers.forEach((one) => one.accepted?.(batch)),
    called: (call) => observers.forEach((one) => one.called?.(call)),
    committed: (batch) => observers.forEach((one) => one.committed?.(batch)),
    ended: (cohorts) => observers.forEach((one) => one.ended?.(cohorts)),
  };
}
