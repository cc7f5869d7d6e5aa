import { loadEngine, simulateRange, type Range } from './run-range.ts';

// A child of run-many.ts: gets ranges, answers what they came to, ends with its parent.
const engine = await loadEngine(process.argv[2]);
process.on('message', (range: Range) => {
  void simulateRange(engine, range).then((tally) => process.send!(tally));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
