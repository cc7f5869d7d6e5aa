import { randomUUID } from 'node:crypto';
import { connect } from '@reliable-ops/database';
import { createPostgresLog, type LogTransaction, type SagaLog } from '@reliable-ops/saga';
import { createTestDatabase } from '../../src/index.ts';
import { createSimulatedLog } from '../../src/simulation/log/simulated-log.ts';
import { Tables } from '../../src/simulation/log/tables.ts';

/** An implementation of the saga log, and what a test has to know of it beyond the port. */
export interface LogHarness extends AsyncDisposable {
  log: SagaLog;
  /** Empties the tables; sequences go on. */
  clear(): Promise<void>;
  /** Transactions that wait for a lock right now. */
  countWaiting(): Promise<number>;
}

export async function createPostgresHarness(): Promise<LogHarness> {
  const database = await createTestDatabase();
  const sql = connect(database.url, { applicationName: 'log-contract', max: 8 });
  return {
    log: createPostgresLog(sql),
    async clear() {
      await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.pauses`;
    },
    async countWaiting() {
      const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      return row!.n;
    },
    async [Symbol.asyncDispose]() {
      await sql.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The simulated log without a simulation: each statement is run as soon as it can be. */
export async function createSimulatedHarness(): Promise<LogHarness> {
  const tables = new Tables('simulated');
  let waiting: { run: () => void; isReady: (() => boolean) | undefined }[] = [];
  const runReady = (): void => {
    const ready = waiting.find(({ isReady }) => isReady?.() ?? true);
    if (!ready) return;
    waiting = waiting.filter((step) => step !== ready);
    ready.run();
    setImmediate(runReady);
  };
  const log = createSimulatedLog(tables, {
    schedule(_label, run, isReady) {
      waiting.push({ run, isReady });
      setImmediate(runReady);
    },
    failStatement: () => undefined,
    failCommit: () => ({ ending: 'committed' }),
    newId: randomUUID,
    onDeadlock(lock) {
      throw new Error(`deadlock at ${lock}`);
    },
  });
  return {
    log,
    async clear() {
      for (const table of [tables.sagas, tables.lanes, tables.outbox, tables.requests])
        table.clear();
      tables.leases.clear();
      tables.pauses.clear();
    },
    countWaiting: async () =>
      [...tables.open].filter(({ waitsFor }) => waitsFor !== undefined).length,
    async [Symbol.asyncDispose]() {},
  };
}

/** A transaction that the test holds open. */
export interface OpenTransaction {
  tx: LogTransaction;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

export async function openTransaction({ log }: LogHarness): Promise<OpenTransaction> {
  const rolledBack = new Error('rolled back by the test');
  let end: (error?: Error) => void = () => {};
  const ending = new Promise<void>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve());
  });
  ending.catch(() => {});
  let ended: Promise<void> = Promise.resolve();
  const tx = await new Promise<LogTransaction>((resolve, reject) => {
    ended = log.transaction(async (opened) => {
      resolve(opened);
      await ending;
    });
    ended.catch(reject);
  });
  return {
    tx,
    async commit() {
      end();
      await ended;
    },
    async rollback() {
      end(rolledBack);
      await ended.catch((error: unknown) => {
        if (error !== rolledBack) throw error;
      });
    },
  };
}
