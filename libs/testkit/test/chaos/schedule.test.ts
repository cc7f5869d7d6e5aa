import { describe, expect, test } from '@jest/globals';
import { planLoad } from '../../src/chaos/load.ts';
import { parseOptions } from '../../src/chaos/options.ts';
import {
  describeMove,
  drawSchedule,
  nodeMoves,
  processMoves,
  proxyMoves,
} from '../../src/chaos/schedule.ts';
import { UsageError } from '../../src/command.ts';

const draw = (seed: number, seconds = 60) =>
  drawSchedule({
    seed,
    seconds,
    workers: ['worker-1', 'worker-2'],
    nodes: ['node01', 'node02', 'node03'],
    lockMs: 2_000,
  });

describe('the schedule', () => {
  test('the same seed draws the same moves and the same load, another seed others', () => {
    expect(draw(42).map(describeMove)).toEqual(draw(42).map(describeMove));
    expect(draw(42)).not.toEqual(draw(43));
    const load = (seed: number) => planLoad({ seed, seconds: 60, sagas: 2_000 });
    expect(load(42)).toEqual(load(42));
    expect(load(42)).not.toEqual(load(43));
  });

  test('a minute meets every kind of fault, whatever the seed', () => {
    for (let seed = 0; seed < 100; seed++) {
      const kinds = new Set(draw(seed).map(({ kind }) => kind));
      expect(
        [...processMoves, ...nodeMoves, ...proxyMoves].filter((kind) => !kinds.has(kind)),
      ).toEqual([]);
    }
  });

  test('a paused process sleeps longer than the lock of a job', () => {
    for (const { kind, forMs } of draw(1).filter((move) => move.kind.startsWith('pause')))
      expect([kind, forMs > 2_000]).toEqual([kind, true]);
  });
});

describe('the load', () => {
  test('has so many sagas, their keys collide, and some requests have no key to ask again with', () => {
    const load = planLoad({ seed: 1, seconds: 60, sagas: 2_000 });
    const ids = load.flatMap(({ groupIds }) => groupIds);
    expect(ids).toHaveLength(2_000);
    expect(new Set(ids).size).toBeLessThan(200);
    expect(load.some(({ idempotencyKey }) => idempotencyKey === null)).toBe(true);
    expect(
      load.every(({ idempotencyKey, repeats }) => idempotencyKey !== null || repeats === 'never'),
    ).toBe(true);
    expect(new Set(load.map(({ form }) => form))).toEqual(new Set(['single', 'batch']));
  });
});

describe('the options', () => {
  test('a mistake is one line', () => {
    expect(parseOptions(['--seed', '42', '--seconds', '20'])).toMatchObject({
      seed: 42,
      seconds: 20,
    });
    expect(parseOptions(['--help'])).toBeUndefined();
    for (const wrong of [
      ['--seed', 'x'],
      ['--seconds', '1'],
      ['--sagas', '-1'],
      ['--sed', '1'],
      ['--measure', 'x'],
    ])
      expect(() => parseOptions(wrong)).toThrow(UsageError);
  });
});
