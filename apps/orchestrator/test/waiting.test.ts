import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Saga } from '@reliable-ops/saga';
import { clientBehind } from '../src/hanging-up.ts';
import { createEndWatch, type EndWatch } from '../src/index.ts';

const endedOf = jest.fn<(ids: number[]) => Promise<number[]>>();
const getSagas = jest.fn<(ids: number[]) => Promise<Saga[]>>();
const never = clientBehind(new AbortController().signal);
const sagaOf = (id: number, status: Saga['status'] = 'completed') => ({ id, status }) as Saga;
let watch: EndWatch;

beforeEach(() => {
  jest.useFakeTimers();
  endedOf.mockReset().mockResolvedValue([]);
  getSagas.mockReset().mockImplementation(async (ids) => ids.map((id) => sagaOf(id)));
  watch = createEndWatch({ endedOf, getSagas });
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
    expect(await Promise.all(waits)).toEqual([1, 2, 2, 3].map((id) => sagaOf(id)));
    await jest.advanceTimersByTimeAsync(5_000);
    expect(endedOf).toHaveBeenCalledTimes(2);
    expect(getSagas.mock.calls).toEqual([[[1, 2, 3]]]);
  });

  test('look at once on a hint, at what it names, and believe the log, not the hint', async () => {
    const wait = watch.untilEnded(7, 60_000, never);
    const other = watch.untilEnded(8, 60_000, never);
    watch.hint([1, 2, 3]);
    await jest.advanceTimersByTimeAsync(1);
    expect(getSagas).not.toHaveBeenCalled();
    getSagas.mockResolvedValueOnce([sagaOf(7, 'running')]);
    watch.hint([6, 7]);
    await jest.advanceTimersByTimeAsync(1);
    watch.hint([7]);
    await jest.advanceTimersByTimeAsync(1);
    expect(await wait).toEqual(sagaOf(7));
    expect(getSagas.mock.calls).toEqual([[[7]], [[7]]]);
    expect(watch.isAwaited()).toBe(true);
    watch.hint([8]);
    await other;
  });

  test('hear of one whose hint is missing, however many hints of others come', async () => {
    const missed = watch.untilEnded(1, 60_000, never);
    endedOf.mockResolvedValue([1]);
    for (let ms = 0; ms < 250; ms += 10) {
      const other = watch.untilEnded(2, 60_000, never);
      watch.hint([2]);
      await jest.advanceTimersByTimeAsync(10);
      await other;
    }
    expect(await missed).toEqual(sagaOf(1));
  });

  test('hear of a hint that comes in the middle of a look', async () => {
    const first = watch.untilEnded(1, 60_000, never);
    const second = watch.untilEnded(2, 60_000, never);
    let answer: (sagas: Saga[]) => void = () => {};
    getSagas.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    watch.hint([1]);
    await jest.advanceTimersByTimeAsync(1);
    watch.hint([2]);
    answer([sagaOf(1)]);
    expect(await Promise.all([first, second])).toEqual([sagaOf(1), sagaOf(2)]);
  });

  test('go when their time is up, when they hang up, and when the watch closes', async () => {
    const client = new AbortController();
    const late = watch.untilEnded(1, 1_000, never);
    const gone = watch.untilEnded(1, 60_000, clientBehind(client.signal));
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
    expect(endedOf).toHaveBeenCalledTimes(1);
    endedOf.mockRejectedValueOnce(new Error('a bug'));
    const failed = expect(wait).rejects.toThrow('a bug');
    await jest.advanceTimersByTimeAsync(250);
    await failed;
  });
});
