import type { Saga } from '@reliable-ops/saga';

/** What happened in one interval. Latencies and attempts are estimated, from some of the sagas. */
export interface Sample {
  /** End of the interval, milliseconds since 1970. */
  at: number;
  seconds: number;
  /** Sagas that ended. */
  completed: number;
  takenBack: number;
  /** From accepted to ended, of those looked at, ascending. */
  latenciesMs: number[];
  /** Attempts that ended, by participant. */
  attempts: Record<string, { all: number; failed: number }>;
  /** Sagas that have not ended; null where that could not be read. */
  active: { queued: number; running: number; compensating: number; stuck: number } | null;
}

/** Sagas of one kind: some of them, and how many there are. Each stands for as many like it. */
export interface Stratum {
  count: number;
  sagas: Saga[];
}

export interface Seen {
  from: number;
  until: number;
  completed: number;
  takenBack: number;
  /** Of those that ended, the ones looked at. */
  ended: Saga[];
  /** Sagas that have not ended, by status: what they attempt in vain would otherwise not be seen until they end. */
  open: Stratum[];
  active: Sample['active'];
  participantOf(saga: Saga, step: string): string;
}

/** Data in, data out: one interval in numbers. */
export function sampleOf(seen: Seen): Sample {
  const { from, until, completed, takenBack, ended, open, active, participantOf } = seen;
  const attempts: Sample['attempts'] = {};
  for (const stratum of [{ count: completed + takenBack, sagas: ended }, ...open]) {
    const weight = weightOf(stratum);
    for (const saga of stratum.sagas)
      for (const step of saga.steps)
        for (const [, , , endedAt, result] of step.log) {
          if (endedAt <= from || endedAt > until) continue;
          const of = (attempts[participantOf(saga, step.name)] ??= { all: 0, failed: 0 });
          of.all += weight;
          if (result !== 'applied') of.failed += weight;
        }
  }
  return {
    at: until,
    seconds: (until - from) / 1_000,
    completed,
    takenBack,
    latenciesMs: ended
      .flatMap(({ acceptedAt, endedAt }) => (endedAt === null ? [] : [endedAt - acceptedAt]))
      .sort((one, other) => one - other),
    attempts,
    active,
  };
}

const weightOf = ({ count, sagas }: Stratum): number =>
  sagas.length === 0 ? 0 : Math.max(1, count / sagas.length);

/** Several intervals as one; undefined where there is none. */
export function mergeSamples(samples: Sample[]): Sample | undefined {
  const last = samples.at(-1);
  if (!last) return undefined;
  const attempts: Sample['attempts'] = {};
  for (const sample of samples)
    for (const [name, { all, failed }] of Object.entries(sample.attempts)) {
      const of = (attempts[name] ??= { all: 0, failed: 0 });
      of.all += all;
      of.failed += failed;
    }
  const sum = (valueOf: (sample: Sample) => number): number =>
    samples.reduce((total, sample) => total + valueOf(sample), 0);
  return {
    at: last.at,
    seconds: sum(({ seconds }) => seconds),
    completed: sum(({ completed }) => completed),
    takenBack: sum(({ takenBack }) => takenBack),
    latenciesMs: samples
      .flatMap(({ latenciesMs }) => latenciesMs)
      .sort((one, other) => one - other),
    attempts,
    active: last.active,
  };
}

/** Of ascending values; null of none. `share` in [0, 1]. */
export const quantileOf = (ascending: number[], share: number): number | null =>
  ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? null;
