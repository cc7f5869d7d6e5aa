import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Command, Entry, EntryResult, SagaLog } from '../src/index.ts';
import { createSiblings, type Siblings } from '../src/siblings.ts';
import { countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { MemoryQueue } from './memory-queue.ts';
import { defineChange, idsOf } from './sagas.ts';

/** An entry of sagas that begin with `first`, one of so many. */
const entryOf = (first: number, siblings?: number): Entry => ({
  id: randomUUID(),
  participant: 'n1',
  kind: 'create',
  step: 'n1',
  phase: 'action',
  attempt: 1,
  dueAt: 0,
  items: [[first, `k${first}`, 1, null]],
  ...(siblings === undefined ? {} : { siblings }),
});

describe('what came of an entry', () => {
  let queue: MemoryQueue;
  /** Two processes. */
  let here: Siblings;
  let elsewhere: Siblings;
  /** Names of entries by transaction, in the order in which they were begun. */
  let commits: string[];
  /** Names of entries whose jobs have ended. */
  let ended: string[];
  /** What commits of these entries wait for, or fail with. */
  let slow: Map<string, Promise<void>>;
  let lost: string[];
  const names = new Map<string, string>();

  function startProcess(): Siblings {
    return createSiblings({
      queue,
      patience: 2,
      clock: Date.now,
      commit(results) {
        const own = results.map(({ entry }) => names.get(entry.id)!);
        commits.push(own.sort().join('+'));
        return results.map(({ entry }) => slow.get(names.get(entry.id)!) ?? Promise.resolve());
      },
      onLost: (_error, { id }) => lost.push(names.get(id)!),
    });
  }
  beforeEach(() => {
    jest.useFakeTimers();
    queue = new MemoryQueue();
    [here, elsewhere] = [startProcess(), startProcess()];
    [commits, ended, lost, slow] = [[], [], [], new Map()];
  });
  afterEach(async () => {
    await jest.runAllTimersAsync();
    await Promise.all([here.idle(), elsewhere.idle()]);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  /** Begins an entry's work; it ends when the test says so. */
  function begin(name: string, entry: Entry, siblings = here) {
    names.set(entry.id, name);
    let end!: (failed?: Error) => void;
    const result: EntryResult = { entry, startedAt: 0, attempts: [] };
    const work = new Promise<EntryResult>((resolve, reject) => {
      end = (failed) => (failed ? reject(failed) : resolve(result));
    });
    const answered = siblings
      .together(entry, () => work)
      .finally(() => {
        ended.push(name);
      });
    answered.catch(() => {});
    return {
      answered,
      result,
      async end(failed?: Error) {
        end(failed);
        await pass(0);
      },
    };
  }
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

  describe('in one process', () => {
    test('is committed at once where it has no siblings, and answered', async () => {
      for (const entry of [entryOf(1), entryOf(2, 1)]) {
        const one = begin('one', entry);
        await pass(100);
        await one.end();
        expect(await one.answered).toBe(one.result);
      }
      expect(commits).toEqual(['one', 'one']);
    });

    test('waits for a sibling that is with its participant, and is committed with it', async () => {
      const one = begin('one', entryOf(1, 2));
      const other = begin('other', entryOf(1, 2));
      await pass(100);
      await one.end();
      await pass(150);
      expect(commits).toEqual([]);
      await other.end();
      expect(commits).toEqual(['one+other']);
      expect(ended.sort()).toEqual(['one', 'other']);
    });

    test('waits for a sibling that no job has fetched yet, and is committed with it', async () => {
      const one = begin('one', entryOf(1, 3));
      await pass(100);
      await one.end();
      await pass(10);
      const second = begin('second', entryOf(1, 3));
      await pass(10);
      await second.end();
      expect(commits).toEqual([]);
      const third = begin('third', entryOf(1, 3));
      await pass(10);
      await third.end();
      expect(commits).toEqual(['one+second+third']);
      // Nobody else was asked.
      expect(queue.families.size).toBe(0);
    });

    test('is not held up for longer than twice its own time by a participant that hangs; whoever is late goes when it is back', async () => {
      const hanging = begin('hanging', entryOf(1, 3));
      const one = begin('one', entryOf(1, 3));
      await pass(10);
      await one.end();
      const other = begin('other', entryOf(1, 3));
      await pass(15);
      await other.end();
      await pass(4);
      expect(commits).toEqual([]);
      await pass(1);
      // Who is back by then goes with it.
      expect(commits).toEqual(['one+other']);
      await pass(60_000);
      await hanging.end();
      expect(commits).toEqual(['one+other', 'hanging']);
    });

    test('waits for those that are with their participants, where nobody said how many there are', async () => {
      const [one, other] = [begin('one', entryOf(1)), begin('other', entryOf(1))];
      await pass(100);
      await one.end();
      expect(commits).toEqual([]);
      await other.end();
      expect(commits).toEqual(['one+other']);
    });

    test('waits for no sagas but its own', async () => {
      begin('of others', entryOf(2, 1));
      const one = begin('one', entryOf(1, 1));
      await pass(100);
      await one.end();
      expect(commits).toEqual(['one']);
    });

    test('is not waited for where its work throws: those who wait go at once', async () => {
      const one = begin('one', entryOf(1, 2));
      const failing = begin('failing', entryOf(1, 2));
      await pass(100);
      await one.end();
      await failing.end(new Error('no participant'));
      await expect(failing.answered).rejects.toThrow('no participant');
      expect(commits).toEqual(['one']);
    });

    test('leaves nothing behind where its work throws: its sagas begin anew', async () => {
      const failing = begin('failing', entryOf(1, 2));
      await pass(100);
      await failing.end(new Error('no participant'));
      // The job comes again: two are missing, not one.
      const again = begin('again', entryOf(1, 2));
      await pass(100);
      await again.end();
      await pass(40);
      expect(commits).toEqual([]);
      const other = begin('other', entryOf(1, 2));
      await other.end();
      expect(commits).toEqual(['again+other']);
    });

    test('leaves nothing behind once it is committed with its siblings: the next of its sagas is waited for by itself', async () => {
      for (const stage of ['first', 'second']) {
        commits = [];
        const one = begin(`${stage} one`, entryOf(1, 2));
        await pass(100);
        await one.end();
        expect(commits).toEqual([]);
        const other = begin(`${stage} other`, entryOf(1, 2));
        await pass(100);
        await other.end();
        expect(commits).toEqual([`${stage} one+${stage} other`]);
      }
    });

    test('answers with the error of its own commit, not with that of a sibling', async () => {
      const one = begin('one', entryOf(1, 2));
      const other = begin('other', entryOf(1, 2));
      slow.set('other', Promise.reject(new Error('cannot be written')));
      await one.end();
      await other.end();
      await one.answered;
      await expect(other.answered).rejects.toThrow('cannot be written');
    });

    test('idle: resolves once nobody waits any more', async () => {
      let isIdle = false;
      const one = begin('one', entryOf(1, 2));
      await pass(100);
      await one.end();
      void here.idle().then(() => (isIdle = true));
      await pass(199);
      expect(isIdle).toBe(false);
      await pass(100);
      expect(isIdle).toBe(true);
    });
  });

  describe('in several processes', () => {
    test('is committed with its siblings by whoever brings the last one; the other jobs end then', async () => {
      const first = begin('first', entryOf(1, 3));
      const second = begin('second', entryOf(1, 3), elsewhere);
      const third = begin('third', entryOf(1, 3), elsewhere);
      await pass(100);
      await first.end();
      await pass(60);
      await second.end();
      await pass(60);
      await third.end();
      await pass(50);
      expect(commits).toEqual(['first+second+third']);
      await pass(100);
      expect(ended.sort()).toEqual(['first', 'second', 'third']);
    });

    test('is committed once with all of them where they come to its own process after all', async () => {
      const first = begin('first', entryOf(1, 3));
      await pass(100);
      await first.end();
      await pass(60);
      expect(queue.families.size).toBe(1);
      const [second, third] = [begin('second', entryOf(1, 3)), begin('third', entryOf(1, 3))];
      await pass(60);
      await second.end();
      await pass(10);
      await third.end();
      await pass(1_000);
      expect(commits).toEqual(['first+second+third']);
    });

    test('is committed once with all of them where some were with it when it was handed over', async () => {
      const [first, second] = [begin('first', entryOf(1, 3)), begin('second', entryOf(1, 3))];
      await pass(100);
      await first.end();
      await pass(60);
      const third = begin('third', entryOf(1, 3));
      await second.end();
      await third.end();
      await pass(1_000);
      expect(commits).toEqual(['first+second+third']);
    });

    test('is told how its own commit went where its process brings the last one', async () => {
      const first = begin('first', entryOf(1, 3));
      const second = begin('second', entryOf(1, 3), elsewhere);
      await pass(100);
      await Promise.all([first.end(), second.end()]);
      await pass(60);
      const third = begin('third', entryOf(1, 3));
      slow.set('first', Promise.reject(new Error('cannot be written')));
      await third.end();
      await pass(60);
      expect(commits).toEqual(['first+second+third']);
      await expect(first.answered).rejects.toThrow('cannot be written');
      await third.answered;
      expect(lost).toEqual([]);
    });

    test('says what could not be committed, though its job has ended elsewhere', async () => {
      const first = begin('first', entryOf(1, 2));
      await pass(100);
      await first.end();
      await pass(60);
      const last = begin('last', entryOf(1, 2), elsewhere);
      slow.set('first', Promise.reject(new Error('cannot be written')));
      await pass(10);
      await last.end();
      await pass(60);
      await Promise.all([first.answered, last.answered]);
      expect(lost).toEqual(['first']);
    });

    test('goes alone after twice its own time where a sibling never comes, and is missed by nobody then', async () => {
      const first = begin('first', entryOf(1, 2));
      await pass(100);
      await first.end();
      await pass(199);
      expect(commits).toEqual([]);
      await pass(50);
      expect(commits).toEqual(['first']);
      const late = begin('late', entryOf(1, 2), elsewhere);
      await pass(100);
      await late.end();
      await pass(50);
      expect(commits).toEqual(['first', 'late']);
    });

    test('is committed by nobody else once it has gone alone', async () => {
      const [first, second] = [
        begin('first', entryOf(1, 3)),
        begin('second', entryOf(1, 3), elsewhere),
      ];
      await pass(10);
      await first.end();
      await pass(100);
      expect(commits).toEqual(['first']);
      await second.end();
      const third = begin('third', entryOf(1, 3), elsewhere);
      await pass(100);
      await third.end();
      await pass(50);
      expect(commits).toEqual(['first', 'second+third']);
    });

    test('goes alone at once where the queue is away', async () => {
      const first = begin('first', entryOf(1, 2));
      await pass(100);
      await first.end();
      queue.away = true;
      await pass(50);
      expect(commits).toEqual(['first']);
    });

    test('goes alone where the queue goes away while it waits', async () => {
      const first = begin('first', entryOf(1, 2));
      await pass(100);
      await first.end();
      await pass(60);
      queue.away = true;
      await pass(200);
      expect(commits).toEqual(['first']);
    });

    test('ends its job where the queue has lost it: its row stands, and recovery sends it again', async () => {
      const first = begin('first', entryOf(1, 2));
      await pass(100);
      await first.end();
      await pass(60);
      queue.wipe();
      await pass(200);
      await first.answered;
      expect(commits).toEqual([]);
    });
  });
});

describe('the entries of a batch', () => {
  const nodes = ['n1', 'n2', 'n3'];
  const definition = defineChange('create', nodes, [
    { name: 'later', participant: 'n1', action: 'create' },
  ]);
  const fixture = useEngine({ definitions: [definition], clockStands: true });

  /** The engine's log, and how many transactions were begun on it. */
  function countTransactions(log: SagaLog): { log: SagaLog; transactions(): number } {
    let begun = 0;
    const transaction: SagaLog['transaction'] = (work) => {
      begun++;
      return log.transaction(work);
    };
    return { log: { ...log, transaction }, transactions: () => begun };
  }

  test('know how many they are; an attempt that is made later, and halves, are on their own', async () => {
    await fixture.accept('a', 'b');
    const jobs = fixture.queue.take();
    expect(jobs.map(({ siblings }) => siblings)).toEqual([3, 3, 3]);

    for (const store of fixture.stores.slice(0, 2)) store.fault = () => 'error';
    let draws = 0;
    fixture.engine = fixture.startEngine({
      // Each delay is another.
      randomness: { random: () => (draws++ % 10) / 10, id: randomUUID },
      participants: fixture.participants({
        n3: { run: () => Promise.reject(new Error('too much')) },
      }),
    });
    await fixture.run(jobs);
    const later = fixture.queue.take();
    expect(
      later.map(({ participant, items, siblings }) => [participant, items.length, siblings]).sort(),
    ).toEqual([
      ['n1', 2, 1],
      ['n2', 2, 1],
      ['n3', 1, 1],
      ['n3', 1, 1],
    ]);
  });

  test('keep an engine from being idle while one waits for the others', async () => {
    fixture.engine = fixture.startEngine({ clock: Date.now });
    await fixture.accept('a');
    const [job] = fixture.queue.take();
    const runs = fixture.engine.runEntry(job!);
    await fixture.engine.idle();
    const [saga] = await fixture.log.listSagas({ limit: 1 });
    const step = saga!.steps.find(({ name }) => name === job!.step);
    expect(step!.state).toBe('applied');
    await runs;
  });

  test('are committed in one transaction, though their jobs come one after another', async () => {
    const counted = countTransactions(fixture.log);
    let tellBack: () => void = () => {};
    const slow = nodes.map((name, index) => {
      const run = async (kind: string, commands: Command[]) => {
        // By the engine's clock: so long that its siblings have all the time that they need.
        fixture.nowMs += 10_000;
        setImmediate(tellBack);
        return fixture.stores[index]!.run(kind, commands);
      };
      return [name, { run }];
    });
    fixture.engine = fixture.startEngine({
      log: counted.log,
      participants: Object.fromEntries(slow),
    });
    await fixture.accept(...idsOf(5));
    const jobs = fixture.queue.take();
    const before = counted.transactions();
    const runs: Promise<string>[] = [];
    for (const job of jobs) {
      const isBack = new Promise<void>((resolve) => (tellBack = resolve));
      runs.push(fixture.engine.runEntry(job));
      await isBack;
    }
    expect(await Promise.all(runs)).toEqual(jobs.map(() => '5 applied'));
    expect(counted.transactions() - before).toBe(1);
    await fixture.engine.idle();
    await fixture.drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 5 });
  });
});
