import { afterEach, expect } from '@jest/globals';
import type { Saga } from '../../src/index.ts';
import { countLeftovers } from '../database-fixture.ts';
import { useEngine, type EngineFixture } from '../engine-fixture.ts';
import { defineChange } from '../sagas.ts';

export const deadlineMs = 60_000;
export const ann = { by: 'ann@desk', note: null };

/** A job that is owed, and whose. */
interface OwedRow {
  id: string;
  participant: string;
  due: Date;
  ids: number[];
}

export interface OperateFixture extends EngineFixture {
  /** Runs what is due by the clock; time itself stands. */
  runDue(): Promise<void>;
  /** Sagas whose compensation on n2 fails, so that it waits for its next attempt. */
  acceptCompensating(...ids: string[]): Promise<number[]>;
  getSaga(id: number): Promise<Saga>;
  getStatuses(...ids: number[]): Promise<Saga['status'][]>;
  readOutbox(): Promise<OwedRow[]>;
  /** The jobs in the queue are those of these rows, and no others. */
  expectQueued(rows: OwedRow[]): void;
  countLanes(): Promise<number>;
}

/** An engine whose clock stands, and what operators look at. Nothing in its suite may put a promise in danger. */
export function useOperatedEngine(): OperateFixture {
  const fixture = useEngine({
    definitions: [defineChange('create', ['n1', 'n2', 'n3'])],
    policy: { stepAttempts: 3, stuckAfter: 4, deadlineMs },
    clockStands: true,
  });
  afterEach(() => {
    expect(fixture.reported).toEqual([]);
  });

  return Object.assign(fixture, {
    async runDue() {
      await fixture.run(fixture.queue.take(Infinity, fixture.nowMs));
    },
    async acceptCompensating(...ids: string[]) {
      fixture.stores[1]!.fault = () => 'error';
      const sagaIds = await fixture.accept(...ids);
      for (let turn = 0; turn < 8; turn++) await fixture.run(fixture.queue.take());
      return sagaIds;
    },
    getSaga: async (id: number) => (await fixture.log.getSagas([id]))[0]!,
    getStatuses: async (...ids: number[]) =>
      (await fixture.log.getSagas(ids)).map(({ status }) => status),
    readOutbox: () => fixture.sql<OwedRow[]>`
      select id, participant, due_at as due, array(select (item ->> 0)::int from json_array_elements(items) item) as ids
      from saga.outbox order by due_at, participant`,
    expectQueued(rows: OwedRow[]) {
      const idsOf = (owed: { id: string }[]): string[] => owed.map(({ id }) => id).sort();
      expect(idsOf(fixture.queue.entries())).toEqual(idsOf(rows));
    },
    countLanes: async () => (await countLeftovers(fixture)).lanes,
  });
}
