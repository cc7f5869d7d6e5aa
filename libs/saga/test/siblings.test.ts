import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Entry } from '../src/index.ts';
import { createSiblings, type Siblings } from '../src/siblings.ts';
import { MemoryQueue } from './memory-queue.ts';

/** Siblings, one for each participant: `a.n1`, `a.n2`, ... */
const jobOf = (job: string, ...participants: string[]): Entry[] =>
  participants.map((participant) => ({
    id: `${job}.${participant}`,
    participant,
    kind: 'create',
    step: participant,
    phase: 'action',
    attempt: 1,
    dueAt: 0,
    items: [[1, 'k', 1, null]],
    ...(participants.length > 1 ? { job } : {}),
  }));

let queue: MemoryQueue;
let siblings: Siblings;
/** Entries in the order in which they were sent, and how each send is ended. */
let sent: string[];
let ends: Map<string, (error?: Error) => void>;
/** Entries by transaction, in the order in which they were begun. */
let commits: string[];
/** Entries that cannot be committed. */
let spoilt: Set<string>;

beforeEach(() => {
  jest.useFakeTimers();
  queue = new MemoryQueue();
  [sent, commits, ends, spoilt] = [[], [], new Map(), new Set()];
  siblings = createSiblings({
    queue,
    patience: 2,
    clock: Date.now,
    findPaused: async (names) => (await queue.findPaused(names)).paused,
    publishAlone: (entries) => queue.add(entries.map((entry) => [entry])),
    run(entry) {
      sent.push(entry.id);
      return new Promise((resolve, reject) =>
        ends.set(entry.id, (error) =>
          error ? reject(error) : resolve({ entry, startedAt: 0, attempts: [] }),
        ),
      );
    },
    commit(results) {
      const ids = results.map(({ entry }) => entry.id);
      commits.push(ids.join(' '));
      return ids.map(async (id) => {
        if (spoilt.has(id)) throw new Error(`${id} cannot be committed`);
      });
    },
  });
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
async function begin(job: Entry[]) {
  const begun = { answer: undefined as string[] | Error | undefined };
  siblings.together(job).then(
    (results) => (begun.answer = results.map(({ entry }) => entry.id)),
    (error: Error) => (begun.answer = error),
  );
  await pass(0);
  return begun;
}
async function end(id: string, error?: Error): Promise<void> {
  ends.get(id)!(error);
  await pass(0);
}
/** The jobs in the queue. */
const queued = (): string[] => queue.takeJobs().map((job) => job.map(({ id }) => id).join(' '));

describe('siblings', () => {
  test('are sent at the same time, and committed together as soon as all are back', async () => {
    const job = await begin(jobOf('a', 'n1', 'n2', 'n3'));
    expect(sent).toEqual(['a.n1', 'a.n2', 'a.n3']);
    await pass(100);
    await end('a.n2');
    await pass(150);
    await end('a.n1');
    expect([commits, job.answer]).toEqual([[], undefined]);
    await end('a.n3');
    expect(commits).toEqual(['a.n2 a.n1 a.n3']);
    expect(job.answer).toEqual(['a.n2', 'a.n1', 'a.n3']);
    expect(queued()).toEqual([]);
  });

  test.each([
    [50, 200],
    [300, 600],
  ])(
    'the first is back after %i ms: one that is not after %i more leaves, and is committed when it is',
    async (tookMs, patienceMs) => {
      const job = await begin(jobOf('a', 'n1', 'n2', 'n3'));
      await pass(tookMs);
      await end('a.n1');
      await pass(patienceMs - 1);
      await end('a.n3');
      expect([commits, job.answer]).toEqual([[], undefined]);
      await pass(1);
      expect(commits).toEqual(['a.n1 a.n3']);
      expect(job.answer).toEqual(['a.n1', 'a.n3']);
      expect(queued()).toEqual(['a.n2']);
      await pass(60_000);
      await end('a.n2');
      expect(commits).toEqual(['a.n1 a.n3', 'a.n2']);
    },
  );

  test('one that has left takes its own job back when it is committed, and not that of its siblings', async () => {
    const [first, second] = jobOf('a', 'n1', 'n2');
    await queue.add([[first!, second!]]);
    await begin([first!, second!]);
    await end('a.n1');
    await pass(200);
    expect(queue.entries().map(({ id }) => id)).toEqual(['a.n1', 'a.n2', 'a.n2']);
    await end('a.n2');
    expect(queued()).toEqual(['a.n1 a.n2']);
  });

  test('none of which is back after 5 s all leave, and the job ends', async () => {
    const job = await begin(jobOf('a', 'n1', 'n2'));
    await pass(4_999);
    expect(job.answer).toBeUndefined();
    await pass(1);
    expect([job.answer, commits]).toEqual([[], []]);
    expect(queued()).toEqual(['a.n1', 'a.n2']);
    await end('a.n1');
    await end('a.n2');
    expect(commits).toEqual(['a.n1', 'a.n2']);
  });

  test('of a participant that is paused leave before they are sent; where all do, the job ends at once', async () => {
    queue.paused.add('n2');
    const job = await begin(jobOf('a', 'n1', 'n2'));
    expect(sent).toEqual(['a.n1']);
    await end('a.n1');
    expect(job.answer).toEqual(['a.n1']);
    queue.paused.add('n1');
    const other = await begin(jobOf('b', 'n1', 'n2'));
    expect(other.answer).toEqual([]);
    expect([sent, commits]).toEqual([['a.n1'], ['a.n1']]);
    queue.paused.clear();
    expect(queued()).toEqual(['a.n2', 'b.n1', 'b.n2']);
  });

  test('one whose sending throws fails the job, the others are committed', async () => {
    const job = await begin(jobOf('a', 'n1', 'n2', 'n3'));
    await end('a.n1', new Error('no participant'));
    await end('a.n2');
    await end('a.n3');
    expect(commits).toEqual(['a.n2 a.n3']);
    expect(job.answer).toEqual(new Error('no participant'));
    expect(queued()).toEqual([]);
  });

  test('one that cannot be committed fails the job', async () => {
    spoilt.add('a.n2');
    const job = await begin(jobOf('a', 'n1', 'n2'));
    await end('a.n1');
    await end('a.n2');
    expect(job.answer).toEqual(new Error('a.n2 cannot be committed'));
  });

  test('with the queue away the job fails before anything is sent', async () => {
    queue.away = true;
    const job = await begin(jobOf('a', 'n1', 'n2'));
    expect(job.answer).toEqual(new Error('the queue is away'));
    expect(sent).toEqual([]);
  });

  test('one that leaves while the queue is away fails the job; what is back is committed, the late one when it is', async () => {
    const job = await begin(jobOf('a', 'n1', 'n2'));
    await end('a.n1');
    queue.away = true;
    await pass(200);
    expect(commits).toEqual(['a.n1']);
    expect(job.answer).toEqual(new Error('the queue is away'));
    await end('a.n2');
    expect(commits).toEqual(['a.n1', 'a.n2']);
  });
});

describe('one that has left', () => {
  beforeEach(async () => {
    await begin(jobOf('a', 'n1', 'n2'));
    await end('a.n1');
    await pass(200);
    expect(commits.splice(0)).toEqual(['a.n1']);
    expect(queued()).toEqual(['a.n2']);
    sent = [];
  });

  test('is not sent again by a job of its own that comes meanwhile; by one that comes after, it is', async () => {
    const own = await begin(jobOf('a', 'n2'));
    expect([sent, own.answer]).toEqual([[], undefined]);
    await end('a.n2');
    expect(commits).toEqual(['a.n2']);
    expect(own.answer).toEqual(['a.n2']);
    await begin(jobOf('a', 'n2'));
    expect(sent).toEqual(['a.n2']);
    await end('a.n2');
  });

  test.each(['sending', 'commit'])(
    'and whose %s fails is sent again by its own job',
    async (what) => {
      const own = await begin(jobOf('a', 'n2'));
      const error = new Error(what === 'commit' ? 'a.n2 cannot be committed' : 'no participant');
      if (what === 'commit') spoilt.add('a.n2');
      await end('a.n2', what === 'commit' ? undefined : error);
      expect(own.answer).toEqual(error);
      spoilt.clear();
      commits = [];
      const again = await begin(jobOf('a', 'n2'));
      await end('a.n2');
      expect([again.answer, commits]).toEqual([['a.n2'], ['a.n2']]);
    },
  );

  test('lets those that come to its participant leave before they are sent, until it is back', async () => {
    await begin(jobOf('b', 'n1', 'n2', 'n3'));
    expect(sent).toEqual(['b.n1', 'b.n3']);
    expect(queued()).toEqual(['b.n2']);
    await end('b.n1');
    await end('b.n3');
    expect(commits).toEqual(['b.n1 b.n3']);
    await end('a.n2');
    const job = await begin(jobOf('c', 'n1', 'n2'));
    await end('c.n1');
    await end('c.n2');
    expect(job.answer).toEqual(['c.n1', 'c.n2']);
    expect(queued()).toEqual([]);
  });

  test('is waited for by idle, as is a job in hand', async () => {
    let isIdle = false;
    void siblings.idle().then(() => (isIdle = true));
    await begin(jobOf('b', 'n3'));
    await end('a.n2');
    expect(isIdle).toBe(false);
    await end('b.n3');
    expect(isIdle).toBe(true);
  });
});

test('an entry alone is committed as soon as it is back, by itself', async () => {
  const job = await begin(jobOf('a', 'n1'));
  await pass(5_000);
  await end('a.n1');
  expect([commits, job.answer]).toEqual([['a.n1'], ['a.n1']]);
  spoilt.add('b.n1');
  const other = await begin(jobOf('b', 'n1'));
  await end('b.n1');
  expect(other.answer).toEqual(new Error('b.n1 cannot be committed'));
});
