import { expect, test } from '@jest/globals';
import { cacheReading } from '../src/metrics/cached-reading.ts';

/** A reading that takes as long as it is told, by a clock that stands. */
function fakeReading({ tookMs = 0 } = {}) {
  let nowMs = 0;
  let readings = 0;
  return {
    clock: () => nowMs,
    read: async () => {
      nowMs += tookMs;
      return ++readings;
    },
    pass: (ms: number) => (nowMs += ms),
    count: () => readings,
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a storm of scrapes is one reading', async () => {
  const { clock, read: readOnce, count } = fakeReading();
  const read = cacheReading(readOnce, { clock });
  const answers = await Promise.all(Array.from({ length: 100 }, () => read()));
  await settled();
  expect(answers).toEqual(answers.map(() => 1));
  expect(await read()).toBe(1);
  expect(count()).toBe(1);
});

test('it is read again once it is some seconds old', async () => {
  const { clock, read: readOnce, pass } = fakeReading();
  const read = cacheReading(readOnce, { clock });
  await read();
  await settled();
  pass(4_999);
  expect(await read()).toBe(1);
  pass(1);
  expect(await read()).toBe(2);
});

test('one that takes long serves longer, so that all of them take a twentieth of the time', async () => {
  const { clock, read: readOnce, pass } = fakeReading({ tookMs: 1_000 });
  const read = cacheReading(readOnce, { clock });
  await read();
  await settled();
  pass(18_999);
  expect(await read()).toBe(1);
  pass(1);
  expect(await read()).toBe(2);
});

test('one that fails is null, and is not asked again at once either', async () => {
  let readings = 0;
  const read = cacheReading(
    async () => {
      readings++;
      throw new Error('away');
    },
    { clock: () => 0 },
  );
  expect(await read()).toBeNull();
  await settled();
  expect(await read()).toBeNull();
  expect(readings).toBe(1);
});

test('one that hangs is given up, and no second one is begun beside it', async () => {
  let readings = 0;
  let end: (n: number) => void = () => {};
  let nowMs = 0;
  const read = cacheReading(
    () =>
      new Promise<number>((resolve) => {
        readings++;
        end = resolve;
      }),
    { clock: () => nowMs, limitMs: 10 },
  );
  expect(await read()).toBeNull();
  nowMs = 1e9;
  expect(await read()).toBeNull();
  expect(readings).toBe(1);
  end(1);
  await settled();
  nowMs = 2e12;
  void read();
  expect(readings).toBe(2);
  end(2);
});
