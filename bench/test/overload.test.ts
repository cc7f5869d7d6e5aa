import { expect, test } from '@jest/globals';
import { judgeOverload } from '../src/overload/judge.ts';
import type { Look } from '../src/overload/watch.ts';

const look = (active: number, workerMb = 200): Look => ({
  atMs: 0,
  active,
  outboxRows: 1,
  ownMb: { worker: workerMb },
});
const held = {
  bound: 100,
  looks: [look(50), look(100), look(90), look(100)],
  refusedSagas: 1_000,
  drainSeconds: 2,
  notCompleted: 0,
};

test('an over-load that was refused, kept within the bound and drained violates nothing', () => {
  expect(judgeOverload(held)).toEqual([]);
});

test.each([
  ['nothing was refused', { refusedSagas: 0 }],
  ['101 sagas were active at once', { looks: [look(50), look(101)] }],
  ['did not drain', { drainSeconds: null }],
  ['3 accepted sagas did not complete', { notCompleted: 3 }],
  ['worker held 300 MB', { looks: [look(50, 290), look(50, 300)] }],
  ['worker grew from 100 to 160 MB', { looks: [look(50, 100), look(50, 160)] }],
])('it says that %s', (words, change) => {
  expect(judgeOverload({ ...held, ...change })).toEqual([expect.stringContaining(words)]);
});
