import type * as RunRange from '../../src/simulation/run-range.ts';

export interface Twin {
  /** URLs of the mutant's copies. */
  runRange: string;
  engine: string;
  seeds: number;
}

// A child of run-mutant.ts: simulates one mutant after another, so that what they share is loaded once.
process.on('message', ({ runRange, engine, seeds }: Twin) => {
  void (async () => {
    const { loadEngine, simulateRange } = (await import(runRange)) as typeof RunRange;
    process.send!(await simulateRange(await loadEngine(engine), { from: 1, seeds }));
  })();
});
process.on('disconnect', () => process.exit());
