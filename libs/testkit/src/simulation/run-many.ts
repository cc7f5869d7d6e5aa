import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Range } from './run-range.ts';
import { addTally, emptyTally, type Tally } from './tally.ts';

export interface ManyOptions extends Range {
  /** Processes that simulate at the same time. */
  jobs: number;
  /** The index of a mutated engine. */
  engineUrl: string | undefined;
  onProgress(tally: Tally): void;
}

/** Seeds that a process gets at a time. */
const rangeSeeds = 250;

/** Simulates a range on several processes; after a seed that breaks a promise no new ones are begun. */
export async function simulateMany({
  from,
  seeds,
  jobs,
  engineUrl,
  onProgress,
}: ManyOptions): Promise<Tally> {
  const total = emptyTally();
  const end = from + seeds;
  let next = from;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(
        fileURLToPath(new URL('range-process.ts', import.meta.url)),
        engineUrl === undefined ? [] : [engineUrl],
      );
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (code === 0) resolve();
        else reject(new Error(`a simulating process ended with ${code ?? signal}`));
      });
      child.on('message', (answer: Tally | 'ready') => {
        if (answer !== 'ready') {
          addTally(total, answer);
          onProgress(total);
        }
        if (total.broken || next >= end) {
          child.disconnect();
          return;
        }
        const range: Range = { from: next, seeds: Math.min(rangeSeeds, end - next) };
        next += range.seeds;
        child.send(range);
      });
    });
  await Promise.all(Array.from({ length: jobs }, work));
  return total;
}
