import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from '@jest/globals';
import { startTestRedis, waitFor } from '@reliable-ops/testkit';
import { createBullmqQueue, startJobWorkers, type Engine, type Entry } from '../src/index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a worker keeps nothing of the jobs that it has ended', async () => {
  const ignore = (): void => {};
  await using redis = await startTestRedis();
  await using queue = createBullmqQueue(redis.url, ['n1'], ignore);
  await waitFor('Redis', () => queue.isConnected());
  const answers: WeakRef<object>[] = [];
  const engine = {
    async runJob() {
      const answer = { of: 'a job' };
      answers.push(new WeakRef(answer));
      return answer;
    },
  } as unknown as Engine;
  const jobs = startJobWorkers({
    redisUrl: redis.url,
    participants: ['n1'],
    engine,
    concurrency: 4,
    lockMs: 10_000,
    onError: ignore,
    onFailed: ignore,
  });
  try {
    const entries = Array.from({ length: 300 }, (): Entry => ({
      id: randomUUID(),
      participant: 'n1',
      kind: 'create',
      dueAt: Date.now(),
      step: 'n1',
      phase: 'action',
      attempt: 1,
      items: [[1, 'k', 1, null]],
    }));
    await queue.add(
      entries.map((entry) => [entry]),
      Date.now(),
    );
    await waitFor('the jobs to end', () => answers.length === entries.length);
    // Those that its workers had in hand last may stay in theirs.
    await waitFor('them to be forgotten', () => {
      collectGarbage();
      return answers.filter((answer) => answer.deref()).length < 20;
    });
  } finally {
    await jobs.stop(1_000);
  }
});
