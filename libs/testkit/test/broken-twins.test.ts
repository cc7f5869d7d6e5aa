import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Tally } from '../src/simulation/tally.ts';
import { mutants } from './twins/mutants.ts';
import { TwinRunner } from './twins/run-mutant.ts';

const seeds = 2_000;
const runners: TwinRunner[] = [];
const tallies = new Map<string, Promise<Tally>>();

beforeAll(() => {
  // Two at a time, whatever the order of the tests.
  runners.push(new TwinRunner(), new TwinRunner());
  const turns = runners.map(() => Promise.resolve());
  for (const [index, mutant] of mutants.entries()) {
    const runner = index % runners.length;
    const tally = turns[runner]!.then(() => runners[runner]!.run(mutant, seeds));
    turns[runner] = tally.then(
      () => {},
      () => {},
    );
    tallies.set(mutant.name, tally);
  }
});
afterAll(async () => {
  await Promise.allSettled(tallies.values());
  for (const runner of runners) runner[Symbol.dispose]();
});

describe(`within ${seeds} seeds the simulation catches an engine in which`, () => {
  test.each(mutants)(
    '$name',
    async ({ name, breaks }) => {
      const { broken } = await tallies.get(name)!;
      expect(breaks).toContain(broken?.promise);
    },
    300_000,
  );
});
