import { expect, test } from '@jest/globals';
import { ratioOf } from '../src/report.ts';
import { judge } from '../src/targets.ts';
import type { Turn } from '../src/turn.ts';

const turn = (contender: string, sagasPerSecond: number, p50Ms: number | null = null): Turn => ({
  contender,
  sagas: 100,
  seconds: 100 / sagasPerSecond,
  sagasPerSecond,
  p50Ms,
  p99Ms: p50Ms,
  cpuMsPerSaga: {},
  peakMb: {},
});

test('a ratio is taken within each round, so that a machine that slows down between rounds changes none', () => {
  const turns = [
    [turn('loop', 2_000), turn('bulk', 14_000)],
    [turn('loop', 200), turn('bulk', 1_000)],
    [turn('loop', 1_000), turn('bulk', 6_000)],
  ];
  expect(ratioOf(turns, 'bulk', 'loop')).toEqual({ median: 6, least: 5, most: 7 });
  expect(ratioOf(turns, 'bulk', 'dbos')).toBeNull();
});

test('the median of the ratios decides about a target; one whose contenders took no part is left out', () => {
  const fast = { errors: 0, turns: [[turn('loop', 1_000), turn('bulk', 6_100)]] };
  const slow = { errors: 0, turns: [[turn('loop', 1_000), turn('bulk', 5_900)]] };
  expect(judge(fast)).toMatchObject([{ of: 'bulk', against: 'loop', met: true }]);
  expect(judge(slow)).toMatchObject([{ of: 'bulk', against: 'loop', met: false }]);
});

test('of latencies the lower one is the better', () => {
  const turns = [[turn('loop-one', 1, 3), turn('one', 1, 11)]];
  expect(judge({ errors: 0, turns })).toMatchObject([{ of: 'one', met: true }]);
  turns[0]![1] = turn('one', 1, 13);
  expect(judge({ errors: 0, turns })).toMatchObject([{ of: 'one', met: false }]);
});
