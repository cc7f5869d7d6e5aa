import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createBullmqQueue } from '@reliable-ops/saga';
import { startTestRedis } from '@reliable-ops/testkit';
import { listenForEnded } from '../src/sagas/ended-hints.ts';
import { until } from './fixture.ts';

let redis: Awaited<ReturnType<typeof startTestRedis>>;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

test('what a worker says of ended sagas is a hint to the watch, also after Redis was away', async () => {
  const ignore = (): void => {};
  const hint = jest.fn<(ids: readonly number[]) => void>();
  const watch = { isAwaited: () => true, hint };
  await using queue = createBullmqQueue(redis.url, ['node01'], ignore);
  using hints = listenForEnded(redis.url, watch, ignore);
  expect(hints).toBeDefined();
  // Nobody tells when the subscription stands, and a hint before that is lost: it is said until it is heard.
  const untilHeard = (ids: number[]): Promise<true> =>
    until(async () => {
      await queue.announceEnded(ids);
      return hint.mock.calls.some(([heard]) => heard.join() === ids.join());
    });
  await untilHeard([1, 22, 333]);
  await redis.kill();
  await redis.start();
  await untilHeard([4]);
});
