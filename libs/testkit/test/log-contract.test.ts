import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  noChanges,
  sagasOf,
  type Changes,
  type Cohort,
  type CommandItem,
  type Entry,
  type LogTransaction,
  type Saga,
} from '@reliable-ops/saga';
import { waitFor } from '../src/index.ts';
import {
  createPostgresHarness,
  createSimulatedHarness,
  openTransaction,
  type LogHarness,
} from './logs/log-harness.ts';

// What is simulated is what runs: both logs keep the same promises, as libs/saga/src/log.ts says them.
describe.each([
  { name: 'the Postgres log', create: createPostgresHarness },
  { name: 'the simulated log', create: createSimulatedHarness },
])('$name', ({ create }) => {
  let harness: LogHarness;
  beforeAll(async () => {
    harness = await create();
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });
  beforeEach(() => harness.clear());

  const transact = <T>(work: (tx: LogTransaction) => Promise<T>): Promise<T> =>
    harness.log.transaction(work);
  const write = (changes: Partial<Changes>): Promise<void> =>
    transact(async (tx) => tx.write({ ...noChanges(), ...changes }));

  /** Until that many transactions wait for a lock. */
  const untilWaiting = (count = 1) =>
    waitFor('transactions to wait', async () => (await harness.countWaiting()) >= count);

  /** Accepts a saga as accept does: it gets its lane where nobody holds it. */
  const acceptIn = async (tx: LogTransaction, key: string, more: Partial<Saga> = {}) => {
    const [lane] = await tx.takeLanes([key]);
    const { id, holder, fence } = lane!;
    const saga = sagaOf({
      id,
      key,
      ...(holder === null ? { status: 'running', fence } : {}),
      ...more,
    });
    tx.write({
      ...noChanges(),
      inserted: [cohortOf(saga)],
      held: holder === null ? [{ key, holder: id }] : [],
    });
    return saga;
  };
  const accept = (key: string, more?: Partial<Saga>) => transact((tx) => acceptIn(tx, key, more));
  /** Ends a saga as commit does: its lane goes to the next in line, or is released. */
  const endIn = async (tx: LogTransaction, saga: Saga): Promise<Saga | undefined> => {
    const { next } = await tx.readSagas([saga.id], [saga.key]);
    const [successor] = sagasOf(next);
    const changes = noChanges();
    changes.updated.push(cohortOf({ ...saga, status: 'completed', endedAt: 2_000 }));
    if (successor) {
      const started: Saga = { ...successor, status: 'running' };
      changes.updated.push(cohortOf(started));
      changes.held.push({ key: saga.key, holder: started.id });
      tx.write(changes);
      return started;
    }
    changes.released.push(saga.key);
    tx.write(changes);
    return undefined;
  };

  describe('lanes', () => {
    test('a lane that nobody has used has no holder; one in use says who has it', async () => {
      const first = await accept('k');
      expect(first.status).toBe('running');
      const lanes = await transact((tx) => tx.takeLanes(['k', 'other']));
      expect(lanes.map(({ holder }) => holder)).toEqual([first.id, null]);
    });

    test('ids and fences grow along a lane; sagas of one batch on one key have ids in their order', async () => {
      const numbers: { id: number; fence: number }[] = [];
      for (let n = 0; n < 3; n++) {
        const lanes = await transact((tx) => tx.takeLanes(['b', 'a', 'b']));
        expect(lanes[0]!.id).toBeLessThan(lanes[1]!.id);
        expect(lanes[1]!.id).toBeLessThan(lanes[2]!.id);
        numbers.push(lanes[0]!, lanes[2]!);
      }
      const ids = numbers.map(({ id }) => id);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
      expect(new Set(ids).size).toBe(ids.length);
      const fences = [numbers[0]!, numbers[2]!, numbers[4]!].map(({ fence }) => fence);
      expect(fences[0]).toBeLessThan(fences[1]!);
      expect(fences[1]).toBeLessThan(fences[2]!);
    });

    test('who takes a lane that is being taken waits, and then sees its holder, with numbers that are higher', async () => {
      const first = await openTransaction(harness);
      const holder = await acceptIn(first.tx, 'k');
      const second = accept('k');
      await untilWaiting();
      await first.commit();
      const queued = await second;
      expect(queued).toMatchObject({ status: 'queued', fence: null });
      expect(queued.id).toBeGreaterThan(holder.id);
      const { next } = await transact((tx) => tx.readSagas([], ['k']));
      expect(sagasOf(next)[0]?.fence).toBeGreaterThan(holder.fence!);
    });

    test('who waited for a lane that was then given up has it', async () => {
      const first = await openTransaction(harness);
      const never = await acceptIn(first.tx, 'k');
      const second = accept('k');
      await untilWaiting();
      await first.rollback();
      expect(await second).toMatchObject({ status: 'running' });
      expect(await harness.log.getSagas([never.id])).toEqual([]);
    });

    test('P4: a lane that is being taken holds up no other', async () => {
      const first = await openTransaction(harness);
      await acceptIn(first.tx, 'a');
      expect(await accept('b')).toMatchObject({ status: 'running' });
      await first.commit();
    });

    test('locking answers who holds what; a key without a lane is left out', async () => {
      const { id } = await accept('k');
      expect(await transact((tx) => tx.lockLanes(['k', 'none', 'k']))).toEqual(
        new Map([['k', id]]),
      );
    });

    test('who locks a lane that is being handed on waits, and sees the new holder', async () => {
      const saga = await accept('k');
      const next = await accept('k');
      const first = await openTransaction(harness);
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const holders = transact((tx) => tx.lockLanes(['k']));
      await untilWaiting();
      await first.commit();
      expect(await holders).toEqual(new Map([['k', next.id]]));
    });

    test('who locks a lane that is being released waits, and finds none', async () => {
      const saga = await accept('k');
      const first = await openTransaction(harness);
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const holders = transact((tx) => tx.lockLanes(['k']));
      await untilWaiting();
      await first.commit();
      expect(await holders).toEqual(new Map());
    });

    test('who takes a lane that is being released waits, and finds it free', async () => {
      const saga = await accept('k');
      const first = await openTransaction(harness);
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const second = accept('k');
      await untilWaiting();
      await first.commit();
      const started = await second;
      expect(started).toMatchObject({ status: 'running' });
      expect(started.fence).toBeGreaterThan(saga.fence!);
    });

    test.each([
      {
        verb: 'locks',
        lock: (tx: LogTransaction, keys: string[]): Promise<unknown> => tx.lockLanes(keys),
      },
      {
        verb: 'takes',
        lock: (tx: LogTransaction, keys: string[]): Promise<unknown> => tx.takeLanes(keys),
      },
    ])(
      'who $verb several lanes does so in one order: nobody waits in a circle',
      async ({ lock }) => {
        for (const key of ['a', 'b', 'c']) await accept(key);
        const middle = await openTransaction(harness);
        await middle.tx.lockLanes(['b']);
        // If the second locked "c" first, each would hold what the other wants next.
        const one = transact<unknown>((tx) => lock(tx, ['a', 'b', 'c']));
        await untilWaiting();
        const two = transact<unknown>((tx) => lock(tx, ['c', 'b', 'a']));
        await untilWaiting(2);
        await middle.commit();
        await one;
        await two;
      },
    );
  });

  describe('a transaction', () => {
    test('its statements run in the order in which they were called, awaited or not', async () => {
      const saga = await accept('k');
      const blocker = await openTransaction(harness);
      await blocker.tx.lockLanes(['k']);
      const entry = entryOf();
      const order: string[] = [];
      const together = transact(async (tx) => {
        const note = async <T>(name: string, statement: Promise<T>): Promise<T> => {
          const answer = await statement;
          order.push(name);
          return answer;
        };
        const called = Promise.all([
          note('locked', tx.lockLanes(['k'])),
          note('read', tx.readSagas([saga.id], ['k'])),
          note('taken', tx.takeEntries([entry.id])),
        ]);
        tx.write({ ...noChanges(), entries: [entry] });
        return called;
      });
      await untilWaiting();
      expect(order).toEqual([]);
      const queued = sagaOf({ id: 1_000_000, key: 'k' });
      blocker.tx.write({ ...noChanges(), inserted: [cohortOf(queued)] });
      await blocker.commit();
      // Read after the wait: it sees what was accepted meanwhile. Taken before it was written: it was not there.
      const [, { next }, taken] = await together;
      expect(sagasOf(next).map(({ id }) => id)).toEqual([queued.id]);
      expect(taken).toEqual(new Set());
      expect(order).toEqual(['locked', 'read', 'taken']);
      expect(await harness.log.findStanding([entry.id])).toEqual(new Set([entry.id]));
    });

    test('whose write fails fails, and nothing has happened', async () => {
      const saga = await accept('k');
      const [old, fresh] = [entryOf(), entryOf()];
      await write({ entries: [old] });
      const failing = transact(async (tx) => {
        await tx.takeEntries([old.id]);
        await tx.writePause(pauseOf('one'));
        tx.write({
          ...noChanges(),
          inserted: [cohortOf({ ...saga, error: 'again' })],
          released: ['k'],
          entries: [fresh],
        });
        return 'done';
      });
      await expect(failing).rejects.toThrow(/already|duplicate key/);
      expect(await harness.log.getSagas([saga.id])).toEqual([saga]);
      expect(await harness.log.findStanding([old.id, fresh.id])).toEqual(new Set([old.id]));
      expect(await harness.log.readPauses()).toEqual([]);
      expect(await transact((tx) => tx.lockLanes(['k']))).toEqual(new Map([['k', saga.id]]));
    });
  });

  describe('cohorts', () => {
    const idsIn = (cohorts: Cohort[]): number[][] =>
      cohorts
        .map(({ members }) => members.map(({ id }) => id).sort((a, b) => a - b))
        .sort((a, b) => a[0]! - b[0]!);

    test('sagas in one state are read as one, each with its own key, input and fence', async () => {
      const running: Saga[] = [];
      for (const key of ['a', 'b', 'c']) running.push(await accept(key, { input: { of: key } }));
      const queued: Saga[] = [];
      for (const key of ['a', 'b', 'c']) queued.push(await accept(key, { input: [key] }));
      const read = await transact((tx) =>
        tx.readSagas(
          [...running, ...queued].map(({ id }) => id),
          ['a', 'b', 'c'],
        ),
      );
      expect(idsIn(read.cohorts)).toEqual([running, queued].map((all) => all.map(({ id }) => id)));
      expect(sagasOf(read.cohorts).sort((a, b) => a.id - b.id)).toEqual([...running, ...queued]);
      expect(idsIn(read.next)).toEqual([queued.map(({ id }) => id)]);
      const fences = sagasOf(read.next).map(({ fence }) => fence!);
      expect(new Set(fences).size).toBe(3);
      expect(sagasOf(read.next).map(({ key, input }) => ({ key, input }))).toEqual(
        expect.arrayContaining(queued.map(({ key, input }) => ({ key, input }))),
      );
    });

    test('sagas that differ in any field of their state are not one', async () => {
      const [step] = sagaOf({}).steps;
      const odd: Partial<Saga>[] = [
        {},
        { batchId: randomUUID() },
        { name: 'other' },
        { version: 2 },
        { status: 'compensating' },
        { stuck: true },
        { cancelled: true },
        { steps: [] },
        { steps: [{ ...step!, output: null }] },
        { steps: [{ ...step!, output: 'null' }] },
        { steps: [{ ...step!, before: null }] },
        { steps: [{ ...step!, before: { n: 1 } }] },
        { steps: [{ ...step!, log: [['action', 1, 1, 2, 'unknown', 'x']] }] },
        { steps: [{ ...step!, log: [['action', 1, 1, 2, 'unknown', null]] }] },
        { steps: [{ ...step!, uncertain: true }] },
        { error: '' },
        { error: 'why' },
        { history: [{ at: 1, verb: 'retry', by: 'x', note: null }] },
        { acceptedAt: 1_001 },
        { startedAt: 1_002 },
        { deadlineAt: 1_003 },
        { endedAt: 1_004 },
      ];
      const keys = odd.map((_, n) => `k${n}`);
      const lanes = await transact((tx) => tx.takeLanes(keys));
      const sagas = lanes.map(({ id, fence }, n) =>
        sagaOf({ id, key: keys[n]!, fence, status: 'running', ...odd[n] }),
      );
      await write({
        inserted: sagas.map((saga) =>
          cohortOf({
            ...saga,
            stuck: false,
            cancelled: false,
            error: null,
            history: [],
            endedAt: null,
          }),
        ),
      });
      await write({ updated: sagas.map(cohortOf) });
      const { cohorts } = await transact((tx) =>
        tx.readSagas(
          sagas.map(({ id }) => id),
          [],
        ),
      );
      expect(idsIn(cohorts)).toEqual(sagas.map(({ id }) => [id]));
      expect(sagasOf(cohorts).sort((a, b) => a.id - b.id)).toEqual(sagas);
    });

    test('a cohort is written for each of its members, and for nobody else', async () => {
      const sagas: Saga[] = [];
      for (const key of ['a', 'b', 'c']) sagas.push(await accept(key));
      const [one, other] = (
        await transact((tx) =>
          tx.readSagas(
            sagas.map(({ id }) => id),
            [],
          ),
        )
      ).cohorts;
      expect(other).toBeUndefined();
      const [first, ...rest] = one!.members;
      const changed = { ...one!.state, error: 'they' };
      await write({ updated: [{ state: changed, members: rest }] });
      const errors = new Map(
        (await harness.log.getSagas(sagas.map(({ id }) => id))).map(({ id, error }) => [id, error]),
      );
      expect(errors.get(first!.id)).toBeNull();
      expect(rest.map(({ id }) => errors.get(id))).toEqual(['they', 'they']);
    });
  });

  describe('the next in line', () => {
    test('is the oldest queued saga of the key, with a fence drawn now', async () => {
      const holder = await accept('k');
      const second = await accept('k');
      await accept('k');
      await accept('other');
      await transact(async (tx) => {
        await tx.lockLanes(['k', 'other']);
        const { cohorts, next } = await tx.readSagas(
          [holder.id, 999_999_999],
          ['k', 'other', 'none'],
        );
        expect(sagasOf(cohorts)).toEqual([holder]);
        expect(sagasOf(next)).toEqual([{ ...second, fence: expect.any(Number) }]);
        expect(sagasOf(next)[0]!.fence).toBeGreaterThan(holder.fence!);
      });
    });

    test('the newest saga of a key is known, however it stands', async () => {
      const done = await accept('a');
      await transact((tx) => endIn(tx, done));
      await accept('b');
      const queued = await accept('b');
      expect(await transact((tx) => tx.readLastSagaIds(['a', 'b', 'none']))).toEqual(
        new Map([
          ['a', done.id],
          ['b', queued.id],
        ]),
      );
    });

    test('is seen also when it was accepted while we waited for the lane', async () => {
      const holder = await accept('k');
      const accepting = await openTransaction(harness);
      const late = await acceptIn(accepting.tx, 'k');
      const handingOn = transact(async (tx) => {
        await tx.lockLanes(['k']);
        return endIn(tx, holder);
      });
      await untilWaiting();
      await accepting.commit();
      expect((await handingOn)?.id).toBe(late.id);
      expect(await harness.log.countActive()).toEqual({
        queued: 0,
        running: 1,
        compensating: 0,
        stuck: 0,
      });
    });
  });

  describe('outbox rows', () => {
    const take = (ids: string[]) => transact((tx) => tx.takeEntries(ids));

    test('are taken once; those that are gone are not answered', async () => {
      const [one, two] = [entryOf(), entryOf()];
      await write({ entries: [one, two] });
      expect(await take([one.id, randomUUID(), one.id])).toEqual(new Set([one.id]));
      expect(await take([one.id, two.id])).toEqual(new Set([two.id]));
    });

    test('who takes a row that is being taken waits: it is gone after the commit', async () => {
      const [one, two] = [entryOf(), entryOf()];
      await write({ entries: [one, two] });
      const first = await openTransaction(harness);
      expect(await first.tx.takeEntries([one.id])).toEqual(new Set([one.id]));
      const second = take([one.id, two.id]);
      await untilWaiting();
      await first.commit();
      expect(await second).toEqual(new Set([two.id]));
    });

    test('who takes a row that is being taken waits: it is his after a rollback', async () => {
      const one = entryOf();
      await write({ entries: [one] });
      const first = await openTransaction(harness);
      await first.tx.takeEntries([one.id]);
      const second = take([one.id]);
      await untilWaiting();
      await first.rollback();
      expect(await second).toEqual(new Set([one.id]));
    });

    test('are taken in one order: nobody waits in a circle', async () => {
      const entries = [entryOf(), entryOf(), entryOf()].sort((a, b) => (a.id < b.id ? -1 : 1));
      await write({ entries });
      const ids = entries.map(({ id }) => id);
      const middle = await openTransaction(harness);
      await middle.tx.takeEntries([ids[1]!]);
      // If the second took the last first, each would hold what the other wants next.
      const one = take(ids);
      await untilWaiting();
      const two = take(ids.toReversed());
      await untilWaiting(2);
      await middle.rollback();
      expect((await Promise.all([one, two])).map(({ size }) => size).sort()).toEqual([0, 3]);
    });

    test('come in the order due, then by id, page by page', async () => {
      const dueAts = [3_000, 1_000, 2_000, 1_000, 9_000];
      const entries = dueAts.map((dueAt) => entryOf({ dueAt }));
      await write({ entries });
      const ordered = entries
        .filter(({ dueAt }) => dueAt < 9_000)
        .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1));
      const read = (after: { dueAt: number; id: string } | undefined, limit: number) =>
        harness.log.readEntries({ dueBefore: 9_000, after, limit });
      expect(await read(undefined, 10)).toEqual(ordered);
      expect(await read(undefined, 2)).toEqual(ordered.slice(0, 2));
      expect(await read(ordered[1], 10)).toEqual(ordered.slice(2));
      expect(await harness.log.measureOutbox()).toEqual({ rows: 5, oldestDueAt: 1_000 });
    });

    test('an empty outbox has no oldest row', async () => {
      expect(await harness.log.measureOutbox()).toEqual({ rows: 0, oldestDueAt: null });
    });
  });

  describe('what operators do to the outbox', () => {
    const owedTo = (...sagaIds: number[]): Partial<Entry> => ({ items: sagaIds.map(itemOf) });
    const readAll = () => harness.log.readEntries({ dueBefore: 1e12, after: undefined, limit: 99 });

    test('commands of sagas are taken, with their rows; what else a row held is in a new one, due when it was', async () => {
      const [shared, own, other] = [
        entryOf({ ...owedTo(1, 2, 3), dueAt: 5_000 }),
        entryOf({ ...owedTo(2), dueAt: 2_000 }),
        entryOf(owedTo(3)),
      ];
      await write({ entries: [shared, own, other] });
      const { taken, rest } = await transact((tx) => tx.takeCommands([2]));
      expect(taken.sort((a, b) => a.dueAt - b.dueAt)).toEqual([
        own,
        { ...shared, items: [itemOf(2)] },
      ]);
      expect(rest).toEqual([{ ...shared, id: expect.any(String), items: [itemOf(1), itemOf(3)] }]);
      expect(rest[0]!.id).not.toBe(shared.id);
      expect(await readAll()).toEqual([other, rest[0]]);
    });

    test('those that are due already are left where only later ones are asked for', async () => {
      const [due, later] = [
        entryOf({ ...owedTo(1), dueAt: 1_000 }),
        entryOf({ ...owedTo(1), dueAt: 3_000 }),
      ];
      await write({ entries: [due, later] });
      expect(await transact((tx) => tx.takeCommands([1], 1_000))).toEqual({
        taken: [later],
        rest: [],
      });
      expect(await readAll()).toEqual([due]);
    });

    test('who waits for a row that a commit replaces gets neither, and finds the new one once he asks again', async () => {
      const [before, after] = [entryOf(owedTo(1)), entryOf(owedTo(1))];
      await write({ entries: [before] });
      const committing = await openTransaction(harness);
      await committing.tx.takeEntries([before.id]);
      committing.tx.write({ ...noChanges(), entries: [after] });
      const operating = transact(async (tx) => ({
        ...(await tx.takeCommands([1])),
        owed: await tx.findOwed([1, 2]),
      }));
      await untilWaiting();
      await committing.commit();
      expect(await operating).toEqual({ taken: [], rest: [], owed: new Set([1]) });
    });

    test('which rows stand, and to whom those of a participant are owed, page by page', async () => {
      const entries = [entryOf(owedTo(1, 2)), entryOf(owedTo(2)), entryOf(owedTo(3))].sort(
        (a, b) => (a.id < b.id ? -1 : 1),
      );
      await write({ entries: [...entries, entryOf({ ...owedTo(4), participant: 'two' })] });
      const ids = entries.map(({ id }) => id);
      expect(await harness.log.findStanding([ids[0]!, randomUUID()])).toEqual(new Set([ids[0]]));
      const read = (after: string | null) =>
        harness.log.readOwed({ participant: 'one', after, limit: 2 });
      const owedBy = (some: Entry[]) =>
        new Set(some.flatMap(({ items }) => items.map(([sagaId]) => sagaId)));
      const first = await read(null);
      expect(new Set(first.sagas.map(({ id }) => id))).toEqual(owedBy(entries.slice(0, 2)));
      expect(first.sagas[0]!.key).toBe('k');
      expect(first.last).toBe(ids[1]);
      const second = await read(first.last);
      expect(new Set(second.sagas.map(({ id }) => id))).toEqual(owedBy(entries.slice(2)));
      expect(second.last).toBe(ids[2]);
      expect(await read(second.last)).toEqual({ sagas: [], last: null });
    });
  });

  describe('pauses', () => {
    test('are kept until they are deleted', async () => {
      await transact((tx) => tx.writePause(pauseOf('two')));
      await transact((tx) => tx.writePause(pauseOf('one')));
      expect(await harness.log.readPauses()).toEqual([pauseOf('one'), pauseOf('two')]);
      await transact((tx) => tx.deletePause('one'));
      expect(await harness.log.readPauses()).toEqual([pauseOf('two')]);
    });

    test('who locks them while somebody has them waits, and sees what he has left', async () => {
      const first = await openTransaction(harness);
      expect(await first.tx.lockPauses()).toEqual([]);
      await first.tx.writePause(pauseOf('one'));
      const second = transact((tx) => tx.lockPauses());
      await untilWaiting();
      await first.commit();
      expect(await second).toEqual([pauseOf('one')]);
    });
  });

  test('stuck sagas are counted by what keeps them', async () => {
    const stuckWith = async (error: string): Promise<void> => {
      const saga = await accept(randomUUID());
      const log: Saga['steps'][number]['log'] = [
        ['compensation', 1, 1_000, 1_001, 'unknown', error],
      ];
      const steps: Saga['steps'] = [{ name: 'one', state: 'compensating', attempts: 1, log }];
      await write({ updated: [cohortOf({ ...saga, status: 'compensating', stuck: true, steps })] });
    };
    expect(await harness.log.groupStuck(9)).toEqual({ sagas: 0, causes: [] });
    for (const error of ['down', 'slow', 'down']) await stuckWith(error);
    const cause = { name: 'test', version: 1, step: 'one' };
    expect(await harness.log.groupStuck(9)).toEqual({
      sagas: 3,
      causes: [
        { ...cause, error: 'down', sagas: 2 },
        { ...cause, error: 'slow', sagas: 1 },
      ],
    });
    expect((await harness.log.groupStuck(1)).causes).toHaveLength(1);
  });

  describe('Idempotency-Keys', () => {
    const claimOf = (key: string, digest = 'd') => ({
      key,
      digest,
      batchId: randomUUID(),
      acceptedAt: 1_000,
    });
    const claim = (...claims: ReturnType<typeof claimOf>[]) =>
      transact((tx) => tx.claimRequests(claims));
    const standing = ({ batchId, digest }: ReturnType<typeof claimOf>) => ({ batchId, digest });

    test('belong to the first that claims them', async () => {
      const first = claimOf('x');
      const [again, other] = [claimOf('x', 'another'), claimOf('y')];
      expect(await claim(first)).toEqual(new Map([['x', standing(first)]]));
      const second = await claim(again, other);
      expect(second.get('x')).toEqual(standing(first));
      expect(second.get('y')).toEqual(standing(other));
    });

    test('who claims a key that is being claimed waits, and is told of the other', async () => {
      const [one, two] = [claimOf('x'), claimOf('x')];
      const first = await openTransaction(harness);
      await first.tx.claimRequests([one]);
      const second = claim(two);
      await untilWaiting();
      await first.commit();
      expect((await second).get('x')).toEqual(standing(one));
    });

    test('are found once their request is committed, and not before', async () => {
      const one = claimOf('x');
      const first = await openTransaction(harness);
      await first.tx.claimRequests([one]);
      expect(await harness.log.findRequests(['x'])).toEqual(new Set());
      await first.commit();
      expect(await harness.log.findRequests(['x', 'y', 'x'])).toEqual(new Set(['x']));
    });

    test('who claims a key whose claim is then rolled back has it', async () => {
      const [one, two] = [claimOf('x'), claimOf('x')];
      const first = await openTransaction(harness);
      await first.tx.claimRequests([one]);
      const second = claim(two);
      await untilWaiting();
      await first.rollback();
      expect((await second).get('x')).toEqual(standing(two));
    });
  });

  describe('writing', () => {
    test('what was written is read back as it was', async () => {
      const saga = await accept('k', { batchId: randomUUID(), input: { a: [1, 'zwölf', null] } });
      expect(await harness.log.getSagas([saga.id, 999_999_999])).toEqual([saga]);
      const changed: Saga = {
        ...saga,
        status: 'compensating',
        stuck: true,
        cancelled: true,
        error: 'why',
        steps: [
          {
            name: 'one',
            state: 'compensating',
            attempts: 2,
            uncertain: true,
            before: { there: true },
            output: 'created',
            log: [['action', 1, 1_000, 1_001, 'unknown', '500']],
          },
        ],
        history: [{ at: 1_500, verb: 'cancel', by: 'somebody', note: null }],
        startedAt: 1_100,
        deadlineAt: 9_000,
      };
      await write({ updated: [cohortOf(changed)] });
      expect(await harness.log.getSagas([saga.id])).toEqual([changed]);
    });

    test('of sagas that are written together each keeps its own, whatever they share and in whichever field they differ', async () => {
      const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
      const lanes = await transact((tx) => tx.takeLanes(keys));
      const base = { status: 'running', startedAt: 1_000, deadlineAt: 9_000 } as const;
      const [step] = sagaOf({}).steps;
      const insertedOdd: Partial<Saga>[] = [
        { batchId: randomUUID() },
        { name: 'other' },
        { version: 2 },
        { status: 'queued', startedAt: null, deadlineAt: null },
        { fence: null },
        { input: [] },
        { input: { key: 'k', more: null } },
        { steps: [] },
        { acceptedAt: 1_001 },
        { startedAt: 1_001 },
        { deadlineAt: null },
      ];
      const inserted = lanes.map(({ id, fence }, n) =>
        sagaOf({ id, key: keys[n]!, fence, ...base, ...insertedOdd[n] }),
      );
      const read = async () =>
        (await harness.log.getSagas(lanes.map(({ id }) => id))).sort((a, b) => a.id - b.id);
      await write({ inserted: inserted.map(cohortOf) });
      expect(await read()).toEqual(inserted);
      const updatedOdd: Partial<Saga>[] = [
        { status: 'completed' },
        { stuck: true },
        { cancelled: true },
        { fence: null },
        { fence: 7 },
        { steps: [{ ...step!, output: null }] },
        { steps: [{ ...step!, output: 'null' }] },
        { steps: [step!, step!] },
        { error: 'why' },
        { error: '' },
        { history: [{ at: 1, verb: 'retry', by: 'x', note: null }] },
        { startedAt: null },
        { deadlineAt: null },
        { endedAt: 1_002 },
      ];
      const updated = inserted.map((saga, n): Saga => ({ ...saga, ...updatedOdd[29 - n] }));
      await write({ updated: updated.map(cohortOf) });
      expect(await read()).toEqual(updated);
    });

    test('what was read may be changed without changing the log, and what was written too', async () => {
      const saga = await accept('k');
      const expected = structuredClone(saga);
      saga.steps[0]!.log.push(['action', 9, 1, 1, 'applied', null]);
      const [read] = await harness.log.getSagas([saga.id]);
      read!.steps[0]!.state = 'failed';
      read!.history.push({ at: 1, verb: 'retry', by: 'x', note: null });
      expect(await harness.log.getSagas([saga.id])).toEqual([expected]);
    });

    test('a transaction sees what it has written, and nobody else does before it commits', async () => {
      const open = await openTransaction(harness);
      const saga = await acceptIn(open.tx, 'k');
      const entry = entryOf();
      open.tx.write({ ...noChanges(), entries: [entry] });
      expect(sagasOf((await open.tx.readSagas([saga.id], [])).cohorts)).toEqual([saga]);
      expect(await open.tx.lockLanes(['k'])).toEqual(new Map([['k', saga.id]]));
      expect(await harness.log.getSagas([saga.id])).toEqual([]);
      expect((await harness.log.measureOutbox()).rows).toBe(0);
      expect(await open.tx.takeEntries([entry.id])).toEqual(new Set([entry.id]));
      await open.commit();
      expect(await harness.log.getSagas([saga.id])).toEqual([saga]);
      expect((await harness.log.measureOutbox()).rows).toBe(0);
    });

    test('after a rollback nothing has happened, but numbers that were drawn do not come again', async () => {
      const standing = entryOf();
      await write({ entries: [standing] });
      const open = await openTransaction(harness);
      const claim = { key: 'x', digest: 'd', batchId: randomUUID(), acceptedAt: 1_000 };
      await open.tx.claimRequests([claim]);
      await open.tx.takeEntries([standing.id]);
      const saga = await acceptIn(open.tx, 'k');
      open.tx.write({ ...noChanges(), entries: [entryOf()] });
      await open.rollback();
      expect(await harness.log.getSagas([saga.id])).toEqual([]);
      expect(await transact((tx) => tx.lockLanes(['k']))).toEqual(new Map());
      expect(
        await harness.log.readEntries({ dueBefore: 1e12, after: undefined, limit: 9 }),
      ).toEqual([standing]);
      const other = { ...claim, batchId: randomUUID() };
      expect((await transact((tx) => tx.claimRequests([other]))).get('x')?.batchId).toBe(
        other.batchId,
      );
      const next = await accept('k');
      expect(next.id).toBeGreaterThan(saga.id);
      expect(next.fence).toBeGreaterThan(saga.fence!);
    });
  });

  describe('what is asked about sagas', () => {
    test('a batch: its ids in the order accepted, and how its sagas stand', async () => {
      const batchId = randomUUID();
      const first = await accept('a', { batchId });
      const second = await accept('a', { batchId });
      await accept('a');
      const third = await accept('b', { batchId });
      await write({ updated: [cohortOf({ ...third, status: 'compensating', stuck: true })] });
      expect(await harness.log.sagaIdsOf(batchId)).toEqual([first.id, second.id, third.id]);
      expect(await harness.log.countBatch(batchId)).toEqual({
        total: 3,
        queued: 1,
        running: 1,
        compensating: 1,
        completed: 0,
        compensated: 0,
        cancelled: 0,
        resolved: 0,
        stuck: 1,
      });
      expect(await harness.log.sagaIdsOf(randomUUID())).toEqual([]);
      expect(await harness.log.countBatch(randomUUID())).toBeUndefined();
    });

    test('lists: newest first, by status, name, key and stuck, page by page', async () => {
      const done = await accept('a');
      await write({ updated: [cohortOf({ ...done, status: 'completed', endedAt: 2_000 })] });
      const running = await accept('b', { name: 'other' });
      const stuck = await accept('c');
      await write({ updated: [cohortOf({ ...stuck, status: 'compensating', stuck: true })] });
      const ids = async (query: object): Promise<number[]> =>
        (await harness.log.listSagas({ limit: 10, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([stuck.id, running.id, done.id]);
      expect(await ids({ limit: 2 })).toEqual([stuck.id, running.id]);
      expect(await ids({ before: running.id })).toEqual([done.id]);
      expect(await ids({ since: running.id })).toEqual([stuck.id, running.id]);
      expect(await ids({ status: 'completed' })).toEqual([done.id]);
      expect(await ids({ status: 'running' })).toEqual([running.id]);
      expect(await ids({ name: 'other' })).toEqual([running.id]);
      expect(await ids({ key: 'a' })).toEqual([done.id]);
      expect(await ids({ stuck: true })).toEqual([stuck.id]);
      expect(await ids({ stuck: false })).toEqual([running.id, done.id]);
    });

    test('which have ended, and how many have not', async () => {
      const done = await accept('a');
      await write({ updated: [cohortOf({ ...done, status: 'completed', endedAt: 2_000 })] });
      const running = await accept('b');
      const stuck = await accept('c');
      await write({ updated: [cohortOf({ ...stuck, status: 'compensating', stuck: true })] });
      await accept('c');
      expect(await harness.log.endedOf([done.id, running.id, 999_999_999])).toEqual([done.id]);
      expect(await harness.log.countActive()).toEqual({
        queued: 1,
        running: 1,
        compensating: 1,
        stuck: 1,
      });
    });
  });

  describe('leases', () => {
    test('one holder at a time: he may renew it, others may have it once it has run out', async () => {
      const take = (holder: string, now: number) =>
        harness.log.takeLease('recovery', holder, now, now + 1_000);
      expect(await take('one', 10_000)).toBe(true);
      expect(await take('two', 10_500)).toBe(false);
      expect(await take('one', 10_900)).toBe(true);
      expect(await take('two', 11_500)).toBe(false);
      expect(await take('two', 12_000)).toBe(true);
      expect(await take('one', 12_500)).toBe(false);
      expect(await harness.log.takeLease('another', 'one', 12_500, 13_000)).toBe(true);
    });
  });

  test('a log has a name of its own, and keeps it', async () => {
    const incarnation = await harness.log.incarnation();
    expect(incarnation).not.toBe('');
    expect(await harness.log.incarnation()).toBe(incarnation);
  });
});

const sagaOf = (more: Partial<Saga>): Saga => ({
  id: 0,
  batchId: null,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  name: 'test',
  version: 1,
  key: 'k',
  input: { key: 'k' },
  status: 'queued',
  stuck: false,
  cancelled: false,
  fence: null,
  steps: [{ name: 'one', state: 'pending', attempts: 0, log: [] }],
  error: null,
  history: [],
  acceptedAt: 1_000,
  startedAt: null,
  deadlineAt: null,
  endedAt: null,
  ...more,
});

/** In a state that nobody shares. */
const cohortOf = ({ id, key, input, fence, ...state }: Saga): Cohort => ({
  state,
  members: [{ id, key, input, fence }],
});

const itemOf = (sagaId: number): CommandItem => [sagaId, 'k', 1, null];

const entryOf = (more: Partial<Entry> = {}): Entry => ({
  id: randomUUID(),
  participant: 'one',
  kind: 'do',
  step: 'one',
  phase: 'action',
  attempt: 1,
  items: [itemOf(1)],
  dueAt: 1_000,
  ...more,
});

const pauseOf = (participant: string) => ({
  participant,
  by: 'somebody',
  note: null,
  pausedAt: 1_000,
});
