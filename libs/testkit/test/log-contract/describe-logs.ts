import { afterAll, beforeAll, beforeEach, describe } from '@jest/globals';
import {
  noChanges,
  sagasOf,
  type Changes,
  type LogTransaction,
  type Saga,
  type SagaLog,
} from '@reliable-ops/saga';
import { waitFor } from '../../src/index.ts';
import {
  createPostgresHarness,
  createSimulatedHarness,
  openTransaction,
  type LogHarness,
  type OpenTransaction,
} from './log-harness.ts';
import { cohortOf, sagaOf } from './records.ts';

/** A log that is empty before each test. */
export interface LogFixture {
  /** There from the suite's first hook on. */
  log: SagaLog;
  transact<T>(work: (tx: LogTransaction) => Promise<T>): Promise<T>;
  write(changes: Partial<Changes>): Promise<void>;
  openTransaction(): Promise<OpenTransaction>;
  /** Until that many transactions wait for a lock. */
  untilWaiting(count?: number): Promise<unknown>;
  /** Accepts a saga as accept does: it gets its lane where nobody holds it. */
  acceptIn(tx: LogTransaction, key: string, more?: Partial<Saga>): Promise<Saga>;
  accept(key: string, more?: Partial<Saga>): Promise<Saga>;
  /** Ends a saga as commit does: its lane goes to the next in line, which is answered, or is released. */
  endIn(tx: LogTransaction, saga: Saga): Promise<Saga | undefined>;
}

/** What is simulated is what runs: both logs keep the same promises, as libs/saga/src/log.ts says them. */
export function describeLogs(body: (fixture: LogFixture) => void): void {
  describe.each([
    { name: 'the Postgres log', create: createPostgresHarness },
    { name: 'the simulated log', create: createSimulatedHarness },
  ])('$name', ({ create }) => body(useLog(create)));
}

function useLog(create: () => Promise<LogHarness>): LogFixture {
  let harness: LogHarness;
  beforeAll(async () => {
    harness = await create();
    fixture.log = harness.log;
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });
  beforeEach(() => harness.clear());

  const fixture = {
    transact: (work) => harness.log.transaction(work),
    write: (changes) => fixture.transact(async (tx) => tx.write({ ...noChanges(), ...changes })),
    openTransaction: () => openTransaction(harness),
    untilWaiting: (count = 1) =>
      waitFor('transactions to wait', async () => (await harness.countWaiting()) >= count),
    acceptIn,
    accept: (key, more) => fixture.transact((tx) => acceptIn(tx, key, more)),
    endIn,
  } as LogFixture;
  return fixture;
}

async function acceptIn(tx: LogTransaction, key: string, more: Partial<Saga> = {}): Promise<Saga> {
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
}

async function endIn(tx: LogTransaction, saga: Saga): Promise<Saga | undefined> {
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
}
