import { noSagas } from '@reliable-ops/contracts';
import type { LogTransaction, Saga, SagaLog, StuckCause } from '@reliable-ops/saga';
import {
  enterRequests,
  findOwed,
  lockLanes,
  lockPauses,
  readLastSagaIds,
  readPauses,
  readRequests,
  readSagas,
  takeCommands,
  takeEntries,
  takeLanes,
  write,
  type Statement,
} from './statements.ts';
import { copyOf, type Tables, type Transaction } from './tables.ts';

/** What the log asks of the world around it. */
export interface LogHost {
  /** Has `run` called later, once `isReady`. */
  schedule(label: string, run: () => void, isReady?: () => boolean): void;
  /** Why the statement that is about to run fails, if it does. */
  failStatement(): Error | undefined;
  /** How the commit ends; `lost`: committed, but the answer does not arrive. */
  failCommit(): { ending: 'committed' } | { ending: 'failed' | 'lost'; error: Error };
  /** Of a row that the log makes by itself. */
  newId(): string;
  /** The order of locks is a promise: whoever closes a circle breaks it. */
  onDeadlock(lock: string): void;
}

const compare = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** A client of the saga log that is kept in `tables`: the port of libs/saga/src/log.ts, with every statement a step of its own. */
export function createSimulatedLog(tables: Tables, host: LogHost, owner: unknown = host): SagaLog {
  const ask = <T>(label: string, read: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      host.schedule(label, () => {
        const failure = host.failStatement();
        if (failure) reject(failure);
        else resolve(read());
      });
    });

  /** One after another, in the order in which they were called. */
  const run = <T>(
    tx: Transaction,
    label: string,
    statement: Statement<T> | (() => T),
  ): Promise<T> => {
    const before = lastStatements.get(tx);
    const turn = before
      ? before.then(() => make(tx, label, statement))
      : make(tx, label, statement);
    lastStatements.set(
      tx,
      turn.catch(() => {}),
    );
    return turn;
  };
  const lastStatements = new WeakMap<Transaction, Promise<unknown>>();

  const make = <T>(
    tx: Transaction,
    label: string,
    statement: Statement<T> | (() => T),
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const goOn = (): void => {
        tx.waitsFor = undefined;
        const failure = tx.failure ?? host.failStatement();
        if (failure) {
          tables.rollback(tx, failure);
          reject(failure);
          return;
        }
        let turn;
        try {
          turn =
            typeof statement === 'function'
              ? { done: true as const, value: statement() }
              : statement.next();
        } catch (error) {
          tables.rollback(tx, error as Error);
          reject(error as Error);
          return;
        }
        if (turn.done) {
          resolve(turn.value);
          return;
        }
        const { lock, isOver } = turn.value;
        if (tables.wouldDeadlock(lock, tx)) host.onDeadlock(lock);
        tx.waitsFor = lock;
        host.schedule(`${label}, having waited`, goOn, () => tx.failure !== undefined || isOver());
      };
      host.schedule(label, goOn);
    });

  const end = (tx: Transaction, label: 'commit' | 'rollback'): Promise<void> =>
    new Promise((resolve, reject) => {
      host.schedule(label, () => {
        if (tx.failure) {
          reject(tx.failure);
          return;
        }
        if (label === 'rollback') {
          tables.rollback(tx);
          resolve();
          return;
        }
        const fate = host.failCommit();
        if (fate.ending === 'failed') tables.rollback(tx, fate.error);
        else tables.commit(tx);
        if (fate.ending === 'committed') resolve();
        else reject(fate.error);
      });
    });

  const statementsOf = (tx: Transaction): LogTransaction => ({
    async claimRequests(claims) {
      const entered = await run(tx, 'enter requests', enterRequests(tables, tx, claims));
      const used = claims.map(({ key }) => key).filter((key) => !entered.has(key));
      const standing = new Map(
        claims
          .filter(({ key }) => entered.has(key))
          .map(({ key, batchId, digest }) => [key, { batchId, digest }]),
      );
      if (used.length === 0) return standing;
      for (const { key, batchId, digest } of await run(tx, 'read requests', () =>
        readRequests(tables, tx, used),
      ))
        standing.set(key, { batchId, digest });
      return standing;
    },
    takeLanes: (keys) => run(tx, 'take lanes', takeLanes(tables, tx, keys)),
    readLastSagaIds: (keys) =>
      run(tx, 'read last saga ids', () => readLastSagaIds(tables, tx, keys)),
    takeEntries: (ids) => run(tx, 'take entries', takeEntries(tables, tx, ids)),
    lockLanes: (keys) => run(tx, 'lock lanes', lockLanes(tables, tx, keys)),
    readSagas: (ids, keys) => run(tx, 'read sagas', () => readSagas(tables, tx, ids, keys)),
    takeCommands: (sagaIds, dueAfter) =>
      run(tx, 'take commands', takeCommands(tables, tx, host.newId, sagaIds, dueAfter)),
    findOwed: (sagaIds) => run(tx, 'find owed', () => findOwed(tables, tx, sagaIds)),
    async lockPauses() {
      await run(tx, 'lock pauses', lockPauses(tables, tx));
      return run(tx, 'read pauses', () => readPauses(tables, tx));
    },
    writePause: (pause) =>
      run(tx, 'write pause', () => {
        if (tables.pauses.has(pause.participant)) throw new Error('paused already');
        tx.pauses.set(pause.participant, pause);
      }),
    deletePause: (participant) =>
      run(tx, 'delete pause', () => {
        tx.pauses.set(participant, null);
      }),
    write(changes) {
      written.set(tx, run(tx, 'write', write(tables, tx, changes)));
      written.get(tx)!.catch(() => {});
    },
  });
  const written = new WeakMap<Transaction, Promise<void>>();

  const all = (): Saga[] => [...tables.sagas.values()].sort((a, b) => a.id - b.id);

  return {
    async transaction(work) {
      const tx = tables.begin(owner);
      let result;
      try {
        result = await work(statementsOf(tx));
        await written.get(tx);
      } catch (error) {
        if (tx.isOpen) await end(tx, 'rollback');
        throw error;
      }
      await end(tx, 'commit');
      return result;
    },

    sagaIdsOf: (batchId) =>
      ask('read batch', () =>
        all()
          .filter((saga) => saga.batchId === batchId)
          .map(({ id }) => id),
      ),
    getSagas: (ids) =>
      ask('get sagas', () =>
        all()
          .filter(({ id }) => ids.includes(id))
          .map(copyOf),
      ),
    listSagas: ({ status, name, key, stuck, limit, before = Infinity, since = 0 }) =>
      ask('list sagas', () =>
        all()
          .toReversed()
          .filter(
            (saga) =>
              (status === undefined || saga.status === status) &&
              (name === undefined || saga.name === name) &&
              (key === undefined || saga.key === key) &&
              (stuck === undefined || saga.stuck === stuck) &&
              saga.id < before &&
              saga.id >= since,
          )
          .slice(0, limit)
          .map(copyOf),
      ),
    countBatch: (batchId) =>
      ask('count batch', () => {
        const sagas = all().filter((saga) => saga.batchId === batchId);
        if (sagas.length === 0) return undefined;
        const counts = { ...noSagas, total: sagas.length };
        for (const { status, stuck } of sagas) {
          counts[status]++;
          if (stuck) counts.stuck++;
        }
        return counts;
      }),
    endedOf: (ids) =>
      ask('ended of', () =>
        all()
          .filter(({ id, endedAt }) => ids.includes(id) && endedAt !== null)
          .map(({ id }) => id),
      ),
    findRequests: (keys) =>
      ask('find requests', () => new Set(keys.filter((key) => tables.requests.has(key)))),
    countActive: () =>
      ask('count active', () => {
        const counts = { queued: 0, running: 0, compensating: 0, stuck: 0 };
        for (const { status, stuck } of tables.sagas.values()) {
          if (status === 'queued' || status === 'running' || status === 'compensating')
            counts[status]++;
          if (stuck) counts.stuck++;
        }
        return counts;
      }),
    measureOutbox: () =>
      ask('measure outbox', () => {
        const due = [...tables.outbox.values()].map(({ dueAt }) => dueAt);
        return { rows: due.length, oldestDueAt: due.length > 0 ? Math.min(...due) : null };
      }),
    readEntries: ({ dueBefore, after, limit }) =>
      ask('read entries', () =>
        [...tables.outbox.values()]
          .filter(
            ({ dueAt, id }) =>
              dueAt < dueBefore &&
              (!after || (compare(dueAt, after.dueAt) || compare(id, after.id)) > 0),
          )
          .sort((a, b) => compare(a.dueAt, b.dueAt) || compare(a.id, b.id))
          .slice(0, limit),
      ),
    findStanding: (entryIds) =>
      ask('find standing', () => new Set(entryIds.filter((id) => tables.outbox.has(id)))),
    readOwed: ({ participant, after, limit }) =>
      ask('read owed', () => {
        const page = [...tables.outbox.values()]
          .filter((entry) => entry.participant === participant && (!after || entry.id > after))
          .sort((a, b) => compare(a.id, b.id))
          .slice(0, limit);
        const sagas = new Map(
          page.flatMap(({ items }) => items.map(([id, key]) => [id, { id, key }])),
        );
        return { sagas: [...sagas.values()], last: page.at(-1)?.id ?? null };
      }),
    readPauses: () => ask('read pauses', () => readPauses(tables)),
    groupStuck: (limit) => ask('group stuck', () => groupStuck(all(), limit)),
    takeLease: (name, holder, now, until) =>
      ask('take lease', () => {
        const lease = tables.leases.get(name);
        if (lease && lease.holder !== holder && lease.until >= now) return false;
        tables.leases.set(name, { holder, until });
        return true;
      }),
    incarnation: () => ask('read incarnation', () => tables.incarnation),
  };
}

function groupStuck(sagas: Saga[], limit: number): Awaited<ReturnType<SagaLog['groupStuck']>> {
  const stuck = sagas.filter((saga) => saga.status === 'compensating' && saga.stuck);
  const causes = new Map<string, StuckCause>();
  for (const { name, version, steps } of stuck)
    for (const { name: step, state, log } of steps) {
      const last = log.at(-1);
      if (state !== 'compensating' || last?.[0] !== 'compensation') continue;
      const error = last[5] ?? '';
      const id = JSON.stringify([name, version, step, error]);
      const cause = causes.get(id) ?? { name, version, step, error, sagas: 0 };
      causes.set(id, { ...cause, sagas: cause.sagas + 1 });
    }
  return {
    sagas: stuck.length,
    causes: [...causes.values()]
      .sort((a, b) => b.sagas - a.sagas || compare(a.step, b.step) || compare(a.error, b.error))
      .slice(0, limit),
  };
}
