import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { sagasOf, type Cohort, type Saga } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';
import { cohortOf, sagaOf } from './records.ts';

describeLogs((fixture) => {
  const { transact, write, accept } = fixture;

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

    test('sagas of different requests are one, and each keeps its own', async () => {
      const lanes = await transact((tx) => tx.takeLanes(['a', 'b', 'c']));
      const sagas = [
        { batchId: randomUUID(), traceparent: null },
        {
          batchId: randomUUID(),
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        },
        { batchId: null, traceparent: null },
      ].map((request, n) => {
        const { id, fence } = lanes[n]!;
        return sagaOf({ id, fence, key: 'abc'[n]!, status: 'running', ...request });
      });
      const inserted = sagas.map(cohortOf);
      await write({
        inserted: [{ ...inserted[0]!, members: inserted.flatMap(({ members }) => members) }],
      });
      const { cohorts } = await transact((tx) =>
        tx.readSagas(
          sagas.map(({ id }) => id),
          [],
        ),
      );
      expect(idsIn(cohorts)).toEqual([sagas.map(({ id }) => id)]);
      expect(sagasOf(cohorts).sort((a, b) => a.id - b.id)).toEqual(sagas);
    });

    test('sagas that differ in any field of their state are not one', async () => {
      const [step] = sagaOf({}).steps;
      const odd: Partial<Saga>[] = [
        {},
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
        (await fixture.log.getSagas(sagas.map(({ id }) => id))).map(({ id, error }) => [id, error]),
      );
      expect(errors.get(first!.id)).toBeNull();
      expect(rest.map(({ id }) => errors.get(id))).toEqual(['they', 'they']);
    });
  });
});
