import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Command, Entry, SagaLog } from '../src/index.ts';
import { createSiblings, type Siblings } from '../src/siblings.ts';
import { countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const patience = 2;

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
  let siblings: Siblings;
  /** Names of entries that have gone on, in that order. */
  let gone: string[];
  beforeEach(() => {
    jest.useFakeTimers();
    siblings = createSiblings(patience, Date.now);
    gone = [];
  });
  afterEach(async () => {
    await jest.runAllTimersAsync();
    await siblings.idle();
    jest.useRealTimers();
  });

  /** Begins an entry's work; it ends when the test says so. */
  function begin(name: string, entry: Entry) {
    let end!: (failed?: Error) => void;
    const work = new Promise<string>((resolve, reject) => {
      end = (failed) => (failed ? reject(failed) : resolve(name));
    });
    const answered = siblings
      .together(entry, () => work)
      .finally(() => {
        gone.push(name);
      });
    answered.catch(() => {});
    return {
      answered,
      async end(failed?: Error) {
        end(failed);
        await pass(0);
      },
    };
  }
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

  test('goes at once where it has no siblings, and answers what its work did', async () => {
    for (const entry of [entryOf(1), entryOf(2, 1)]) {
      const one = begin('one', entry);
      await pass(100);
      await one.end();
      expect(await one.answered).toBe('one');
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits for a sibling that is with its participant, and goes with it', async () => {
    const one = begin('one', entryOf(1, 2));
    const other = begin('other', entryOf(1, 2));
    await pass(100);
    await one.end();
    await pass(150);
    expect(gone).toEqual([]);
    await other.end();
    expect(gone.sort()).toEqual(['one', 'other']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits for a sibling that no job has fetched yet, and goes with it', async () => {
    const one = begin('one', entryOf(1, 3));
    await pass(100);
    await one.end();
    await pass(10);
    const second = begin('second', entryOf(1, 3));
    await pass(10);
    await second.end();
    expect(gone).toEqual([]);
    const third = begin('third', entryOf(1, 3));
    await pass(10);
    await third.end();
    expect(gone.sort()).toEqual(['one', 'second', 'third']);
  });

  test('waits for one that never comes no longer than its patience, nor than 50 ms: another process may have it', async () => {
    const quick = begin('quick', entryOf(1, 2));
    const slow = begin('slow', entryOf(2, 2));
    await pass(10);
    await quick.end();
    await pass(19);
    expect(gone).toEqual([]);
    await pass(1);
    expect(gone).toEqual(['quick']);
    await pass(1_000);
    await slow.end();
    await pass(49);
    expect(gone).toEqual(['quick']);
    await pass(1);
    expect(gone).toEqual(['quick', 'slow']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('is not held up for longer by a participant that hangs; whoever is late goes when it is back', async () => {
    const hanging = begin('hanging', entryOf(1, 3));
    const one = begin('one', entryOf(1, 3));
    await pass(10);
    await one.end();
    await pass(10);
    const other = begin('other', entryOf(1, 3));
    await pass(5);
    await other.end();
    await pass(10);
    expect(gone.sort()).toEqual(['one', 'other']);
    await pass(60_000);
    await hanging.end();
    expect(gone).toEqual(['one', 'other', 'hanging']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('waits for those that are with their participants, where nobody said how many there are', async () => {
    const [one, other] = [begin('one', entryOf(1)), begin('other', entryOf(1))];
    await pass(100);
    await one.end();
    expect(gone).toEqual([]);
    await other.end();
    expect(gone.sort()).toEqual(['one', 'other']);
  });

  test('waits for no sagas but its own', async () => {
    begin('of others', entryOf(2, 1));
    const one = begin('one', entryOf(1, 1));
    await pass(100);
    await one.end();
    expect(gone).toEqual(['one']);
  });

  test('is not waited for where its work throws: those who wait go at once', async () => {
    const one = begin('one', entryOf(1, 2));
    const failing = begin('failing', entryOf(1, 2));
    await pass(100);
    await one.end();
    await failing.end(new Error('no participant'));
    await expect(failing.answered).rejects.toThrow('no participant');
    expect(gone.sort()).toEqual(['failing', 'one']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('leaves nothing behind where its work throws: its sagas begin anew', async () => {
    const failing = begin('failing', entryOf(1, 2));
    await pass(100);
    await failing.end(new Error('no participant'));
    expect(gone).toEqual(['failing']);
    // The job comes again: two are missing, not one.
    const again = begin('again', entryOf(1, 2));
    await pass(100);
    await again.end();
    await pass(49);
    expect(gone).toEqual(['failing']);
    const other = begin('other', entryOf(1, 2));
    await other.end();
    expect(gone.sort()).toEqual(['again', 'failing', 'other']);
  });

  test('that comes when all others are gone waits its patience, and for nobody that was before it', async () => {
    const one = begin('one', entryOf(1, 2));
    await pass(10);
    await one.end();
    await pass(20);
    expect(gone).toEqual(['one']);
    const late = begin('late', entryOf(1, 2));
    await pass(20);
    await late.end();
    await pass(39);
    expect(gone).toEqual(['one']);
    await pass(1);
    expect(gone).toEqual(['one', 'late']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('leaves nothing behind once it has gone with its siblings: the next of its sagas is waited for by itself', async () => {
    for (const stage of ['first', 'second']) {
      gone = [];
      const one = begin(`${stage} one`, entryOf(1, 2));
      await pass(100);
      await one.end();
      expect(gone).toEqual([]);
      const other = begin(`${stage} other`, entryOf(1, 2));
      await pass(100);
      await other.end();
      expect(gone.sort()).toEqual([`${stage} one`, `${stage} other`]);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  test('idle: resolves once nobody waits any more', async () => {
    let isIdle = false;
    const one = begin('one', entryOf(1, 2));
    await pass(100);
    await one.end();
    void siblings.idle().then(() => (isIdle = true));
    await pass(49);
    expect(isIdle).toBe(false);
    await pass(1);
    expect(isIdle).toBe(true);
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
