import type { Violation } from './promises/violations.ts';
import type { Run } from './simulate.ts';

/** What many runs came to. */
export interface Tally {
  seeds: number;
  steps: number;
  /** Of all processes that simulated. */
  cpuMs: number;
  counts: Record<string, number>;
  /** The violation of the lowest seed that has one. */
  broken: (Violation & { seed: number }) | null;
}

export const emptyTally = (): Tally => ({ seeds: 0, steps: 0, cpuMs: 0, counts: {}, broken: null });

export function addRun(tally: Tally, { seed, steps, counts, violation }: Run): void {
  addTally(tally, {
    seeds: 1,
    steps,
    cpuMs: 0,
    counts,
    broken: violation ? { seed, ...violation } : null,
  });
}

export function addTally(tally: Tally, { seeds, steps, cpuMs, counts, broken }: Tally): void {
  tally.seeds += seeds;
  tally.steps += steps;
  tally.cpuMs += cpuMs;
  for (const [what, n] of Object.entries(counts))
    tally.counts[what] = (tally.counts[what] ?? 0) + n;
  if (broken && (!tally.broken || broken.seed < tally.broken.seed)) tally.broken = broken;
}

/** Each of these has to have happened in a thousand seeds: a simulation in which it does not is blind to it. */
const expected = [
  'saga completed',
  'saga compensated',
  'saga cancelled',
  'saga resolved',
  'request repeated',
  'request refused: another body',
  'request without an answer',
  'crash',
  'pause',
  'shared job run',
  'entry left its job: late',
  'entry left its job: its node is paused',
  'entry left its job: its node has one away',
  'own job joined a call under way',
  'job run again',
  'job stalled',
  'job that stalls again and again',
  'queue wiped',
  'job lost by the queue',
  'queue away',
  'call to the queue failed',
  'recovery published everything',
  'recovery found jobs missing',
  'Postgres restarted',
  'statement failed',
  'commit failed',
  'answer to a commit lost',
  'waited for a lock',
  'node down',
  'call lost',
  'call late',
  'call repeated',
  'call refused as a whole',
  'reply lost',
  'reply slow',
  'refused by a node',
  'command repeated at a node',
  'command stale at a node',
  'cancel: done',
  'cancel: begun',
  'cancel: refused',
  'resolve: done',
  'resolve: refused',
  'retry: begun',
  'retry: refused',
  'pause: told',
  'pause: not told',
  'resume: told',
  'warning',
];
const seedsToExpect = 1_000;

/** What never happened, though it should have. */
export const missedIn = ({ seeds, counts }: Tally): string[] =>
  seeds < seedsToExpect ? [] : expected.filter((what) => !counts[what]);
