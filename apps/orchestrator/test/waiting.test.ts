import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createEndWatch, type EndWatch } from '../src/index.ts';

const endedOf = jest.fn<(ids: number[]) => Promise<number[]>>();
const never = new AbortController().signal;
let watch: EndWatch;

beforeEach(() => {
  jest.useFakeTimers();
  endedOf.mockReset().mockResolvedValue([]);
  watch = createEndWatch({ endedOf });
});
afterEach(() => {
  watch.close();
  jest.useRealTimers();
});

describe('those who wait', () => {
  test('share one look, and nobody looks when nobody waits', async () => {
    await jest.advanceTimersByTimeAsync(5_000);
    expect(endedOf).not.toHaveBeenCalled();
    const waits = [1, 2, 2, 3].map((id) => watch.untilEnded(id, 60_000, never));
    await jest.advanceTimersByTimeAsync(250);
    expect(endedOf.mock.calls).toEqual([[[1, 2, 3]]]);
    endedOf.mockResolvedValue([1, 2, 3]);
    await jest.advanceTimersByTimeAsync(250);
    await Promise.all(waits);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(endedOf).toHaveBeenCalledTimes(2);
  });

  test('look at once on a hint, and believe the log, not the hint', async () => {
    const wait = watch.untilEnded(7, 60_000, never);
    watch.hint([1, 2, 3]);
    await jest.advanceTimersByTimeAsync(1);
    expect(endedOf).not.toHaveBeenCalled();
    watch.hint([7]);
    await jest.advanceTimersByTimeAsync(1);
    expect(endedOf).toHaveBeenCalledTimes(1);
    expect(watch.isAwaited()).toBe(true);
    endedOf.mockResolvedValue([7]);
    watch.hint([7]);
    await jest.advanceTimersByTimeAsync(1);
    await wait;
  });

  test('go when their time is up, when they hang up, and when the watch closes', async () => {
    const client = new AbortController();
    const late = watch.untilEnded(1, 1_000, never);
    const gone = watch.untilEnded(1, 60_000, client.signal);
    const left = watch.untilEnded(2, 60_000, never);
    await jest.advanceTimersByTimeAsync(1_000);
    await late;
    client.abort();
    await gone;
    expect(watch.isAwaited()).toBe(true);
    watch.close();
    await left;
    expect(watch.isAwaited()).toBe(false);
    await watch.untilEnded(3, 60_000, never);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('wait on while Postgres is away, and hear of any other error', async () => {
    const wait = watch.untilEnded(1, 60_000, never);
    endedOf.mockRejectedValueOnce(Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' }));
    await jest.advanceTimersByTimeAsync(250);
    expect(watch.isAwaited()).toBe(true);
    endedOf.mockRejectedValueOnce(new Error('a bug'));
    const failed = expect(wait).rejects.toThrow('a bug');
    await jest.advanceTimersByTimeAsync(250);
    await failed;
  });
});
