import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createBullmqQueue, type ChangedSagas } from '@reliable-ops/saga';
import { startTestRedis } from '@reliable-ops/testkit';
import { hintOfEnds, listenForChanges } from '../src/events/hints.ts';
import { until } from './fixture.ts';

let redis: Awaited<ReturnType<typeof startTestRedis>>;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

test('what a process says of changed sagas is a hint to whoever waits, also after Redis was away', async () => {
  const ignore = (): void => {};
  const heard: ChangedSagas[][] = [];
  const ended = jest.fn<(ids: readonly number[]) => void>();
  const nobody = { isAwaited: () => false, hint: jest.fn<() => void>() };
  const listeners = [
    { isAwaited: () => true, hint: (changed: ChangedSagas[]) => void heard.push(changed) },
    hintOfEnds({ isAwaited: () => true, hint: ended }),
    nobody,
  ];
  await using queue = createBullmqQueue(redis.url, ['node01'], ignore);
  using hints = listenForChanges(redis.url, listeners, ignore);
  expect(hints).toBeDefined();
  // Nobody tells when the subscription stands, and a hint before that is lost: it is said until it is heard.
  const untilHeard = (changed: ChangedSagas[]): Promise<true> =>
    until(async () => {
      await queue.announce(changed);
      return heard.some((one) => JSON.stringify(one) === JSON.stringify(changed));
    });
  await untilHeard([
    { status: 'running', stuck: false, ids: [7, 8, 9] },
    { status: 'compensating', stuck: true, ids: [11] },
    { status: 'completed', stuck: false, ids: [1, 2, 3, 22, 333] },
  ]);
  expect(ended).toHaveBeenLastCalledWith([1, 2, 3, 22, 333]);
  await redis.kill();
  await redis.start();
  await untilHeard([{ status: 'queued', stuck: false, ids: [4] }]);
  expect(nobody.hint).not.toHaveBeenCalled();
});
