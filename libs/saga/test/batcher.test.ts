import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createBatcher } from '../src/index.ts';

/** A batcher whose batches end when the test says so. */
function controlled(
  options: { maxWeight?: number; concurrency?: number; fullConcurrency?: number } = {},
) {
  const batches: { items: number[]; end(): void }[] = [];
  const batcher = createBatcher<number, number>({
    maxWeight: 100,
    ...options,
    run: (items) =>
      new Promise((resolve) => {
        batches.push({ items, end: () => resolve(items.map((item) => item * 10)) });
      }),
  });
  return { batcher, batches };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('natural batching', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('has no timer: while the clock stands still, batch follows batch', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    const { batcher, batches } = controlled({ maxWeight: 2 });
    const submitted = [batcher.submit(1)];
    await turn();
    submitted.push(...[2, 3, 4].map((item) => batcher.submit(item)));
    for (let ended = 0; ended < 3; ended++) {
      expect(batches).toHaveLength(ended + 1);
      batches[ended]!.end();
      await turn();
    }
    expect(await Promise.all(submitted)).toEqual([10, 20, 30, 40]);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3], [4]]);
    expect(jest.getTimerCount()).toBe(0);
    await batcher.idle();
  });

  test('a single item goes at once; while it is in flight the next batch fills', async () => {
    const { batcher, batches } = controlled();
    const first = batcher.submit(1);
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
    const others = [2, 3, 4].map((item) => batcher.submit(item));
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]!.end();
    expect(await first).toBe(10);
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    batches[1]!.end();
    expect(await Promise.all(others)).toEqual([20, 30, 40]);
  });

  test('items of one tick go together, up to the bound; a heavier one goes alone', async () => {
    const batches: string[][] = [];
    const batcher = createBatcher<string, number>({
      maxWeight: 5,
      weightOf: (item) => item.length,
      run: async (items) => {
        batches.push(items);
        return items.map((item) => item.length);
      },
    });
    await Promise.all(['aa', 'bb', 'cc', 'ddddddd', 'e'].map((item) => batcher.submit(item)));
    expect(batches).toEqual([['aa', 'bb'], ['cc'], ['ddddddd'], ['e']]);
  });

  test('what arrives in one turn of the event loop goes together: each answer of a socket is a tick of its own', async () => {
    const { batcher, batches } = controlled();
    const all = [batcher.submit(1)];
    await new Promise<void>((resolve) => process.nextTick(resolve));
    for (let microtask = 0; microtask < 10; microtask++) await undefined;
    all.push(batcher.submit(2));
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1, 2]]);
    batches[0]!.end();
    await Promise.all(all);
  });

  test('the next batch waits for what comes afterwards; who submitted does not, and who waits for idle does', async () => {
    let endAfterwards = (): void => {};
    const batches: number[][] = [];
    const batcher = createBatcher<number, number>({
      maxWeight: 100,
      run: async (items) => {
        batches.push(items);
        return items;
      },
      afterwards: () => new Promise((resolve) => (endAfterwards = resolve)),
    });
    expect(await batcher.submit(1)).toBe(1);
    const others = [2, 3].map((item) => batcher.submit(item));
    let isIdle = false;
    const idle = batcher.idle().then(() => (isIdle = true));
    for (let n = 0; n < 3; n++) await turn();
    expect(batches).toEqual([[1]]);
    endAfterwards();
    expect(await Promise.all(others)).toEqual([2, 3]);
    expect(batches).toEqual([[1], [2, 3]]);
    expect(isIdle).toBe(false);
    endAfterwards();
    await idle;
  });

  test('no more batches are in flight than asked for', async () => {
    const { batcher, batches } = controlled({ maxWeight: 1, concurrency: 2 });
    const all = [1, 2, 3].map((item) => batcher.submit(item));
    await turn();
    expect(batches).toHaveLength(2);
    batches[0]!.end();
    await all[0];
    await turn();
    expect(batches).toHaveLength(3);
    for (const { end } of batches) end();
    await batcher.idle();
  });

  test('a full batch does not wait for the one in flight, up to its own bound; one that is not full does', async () => {
    const { batcher, batches } = controlled({ maxWeight: 2, fullConcurrency: 2 });
    const submit = async (...items: number[]): Promise<void> => {
      submitted.push(...items.map((item) => batcher.submit(item)));
      await turn();
    };
    const submitted: Promise<number>[] = [];
    await submit(1);
    await submit(2);
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
    await submit(3);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    await submit(4, 5);
    expect(batches).toHaveLength(2);
    batches[1]!.end();
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3], [4, 5]]);
    await submit(6);
    batches[2]!.end();
    await turn();
    expect(batches).toHaveLength(3);
    batches[0]!.end();
    await turn();
    batches[3]!.end();
    expect(await Promise.all(submitted)).toEqual([10, 20, 30, 40, 50, 60]);
    await batcher.idle();
  });

  test('an item that is refused fails alone; an error that may be the fault of one makes each go by itself', async () => {
    const runs: number[][] = [];
    const batcher = createBatcher<number, number>({
      maxWeight: 100,
      isFaultOfOne: (error) => (error as Error).message !== 'away',
      run: async (items) => {
        runs.push(items);
        if (items.includes(13)) throw new Error('cannot');
        if (items.includes(99)) throw new Error('away');
        return items.map((item) => (item === 7 ? new Error('refused') : item));
      },
    });
    const settle = (items: number[]) =>
      Promise.allSettled(items.map((item) => batcher.submit(item)));
    expect((await settle([1, 7])).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((await settle([1, 13, 2])).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect((await settle([1, 99])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(runs).toEqual([[1, 7], [1, 13, 2], [1], [13], [2], [1, 99]]);
  });
});
