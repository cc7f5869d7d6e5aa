import type { EngineModule } from './definitions.ts';
import { simulateSeed } from './simulate.ts';
import { addRun, emptyTally, type Tally } from './tally.ts';

export interface Range {
  from: number;
  seeds: number;
}

/** Simulates some seeds one after another; stops at the first that breaks a promise. */
export async function simulateRange(engine: EngineModule, { from, seeds }: Range): Promise<Tally> {
  const tally = emptyTally();
  const before = process.cpuUsage();
  for (let seed = from; seed < from + seeds && !tally.broken; seed++)
    addRun(tally, await simulateSeed(engine, seed));
  const { user, system } = process.cpuUsage(before);
  tally.cpuMs = (user + system) / 1_000;
  return tally;
}

/** The engine under test: ours, or the copy of it whose index is at `url`. */
export const loadEngine = (url = '@reliable-ops/saga'): Promise<EngineModule> =>
  import(url) as Promise<EngineModule>;
