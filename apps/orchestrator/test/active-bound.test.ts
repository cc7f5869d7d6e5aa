import { describe, expect, test } from '@jest/globals';
import { createActiveBound } from '../src/sagas/active-bound.ts';

/** A log that counts what it is told to, when it is told to. */
function logOf() {
  let answer: (counted: number) => void = () => {};
  const log = {
    counts: 0,
    /** Lets the count under way come back. */
    answer: (counted: number) => answer(counted),
    countActive() {
      log.counts++;
      return new Promise<{ queued: number; running: number; compensating: number; stuck: number }>(
        (resolve) => {
          answer = (running) => resolve({ queued: 0, running, compensating: 0, stuck: 0 });
        },
      );
    },
  };
  return log;
}

async function boundOf(active: number, most = 100) {
  const time = { now: 0 };
  const log = logOf();
  const bound = createActiveBound(log, most, () => time.now);
  const first = bound.refresh();
  log.answer(active);
  await first;
  return { bound, log, time };
}

describe('the bound on active sagas', () => {
  test('what was counted, what has been accepted since and what is in hand count together', async () => {
    const { bound } = await boundOf(40);
    expect(bound.enter(30)).toBeUndefined();
    bound.leave(30, true);
    expect(bound.enter(30)).toBeUndefined();
    expect(bound.whyFull()).toMatch(/^active sagas: 100, and there may be 100/);
    bound.leave(30, false);
    expect(bound.enter(31)).toMatch(/^active sagas: 70/);
    expect(bound.enter(30)).toBeUndefined();
  });

  test('more than the bound at once comes in only where nothing is active', async () => {
    const { bound } = await boundOf(0);
    expect(bound.enter(1_000)).toBeUndefined();
    expect(bound.enter(1)).toMatch(/^active sagas: 1000/);
    const { bound: busy } = await boundOf(1);
    expect(busy.enter(1_000)).toMatch(/^active sagas: 1/);
  });

  test('a new count takes the place of what was accepted before it began, and of nothing accepted meanwhile', async () => {
    const { bound, log, time } = await boundOf(0);
    bound.enter(60);
    bound.leave(60, true);
    time.now = 1_000;
    bound.refresh();
    bound.enter(5);
    bound.leave(5, true);
    log.answer(10); // of the 60, all but ten have ended
    await Promise.resolve();
    await Promise.resolve();
    expect(bound.enter(86)).toMatch(/^active sagas: 15/);
    expect(bound.enter(85)).toBeUndefined();
  });

  test('the log is not asked while a count is young, nor twice at once, and less often where there is room', async () => {
    const { bound, log, time } = await boundOf(60);
    const countsAt = (now: number): number => {
      time.now = now;
      expect(bound.refresh()).toBeUndefined();
      return log.counts;
    };
    const answer = async (active: number): Promise<void> => {
      log.answer(active);
      await Promise.resolve();
      await Promise.resolve();
    };
    expect([countsAt(249), countsAt(250), countsAt(300)]).toEqual([1, 2, 2]);
    await answer(40); // took 50 ms
    expect([countsAt(1_299), countsAt(1_300)]).toEqual([2, 3]);
    time.now = 1_500;
    await answer(60); // took 200 ms: a rest of 1.8 s
    expect([countsAt(3_299), countsAt(3_300)]).toEqual([3, 4]);
  });

  test('after a pause nobody is let in or refused by what was so before it', async () => {
    const { bound, log, time } = await boundOf(100);
    time.now = 60_000;
    const refreshing = bound.refresh();
    expect(refreshing).toBeDefined();
    log.answer(0);
    await refreshing;
    expect(bound.enter(100)).toBeUndefined();
  });

  test('however few are active, a process has a bound of what it holds in its own memory', async () => {
    const { bound } = await boundOf(0, 1_000_000);
    expect(bound.enter(19_999)).toBeUndefined();
    expect(bound.enter(2)).toMatch(/^sagas that wait to be accepted by this process: 19999/);
    expect(bound.enter(1)).toBeUndefined();
  });
});
