import {
  sagasOf,
  type Changes,
  type Cohort,
  type CommandItem,
  type Entry,
  type Pause,
  type RequestClaim,
  type Saga,
} from '@reliable-ops/saga';
import { copyOf, type Lane, type Tables, type Transaction } from './tables.ts';

/** Where a statement waits: for a lock that somebody else holds, or until what it wanted to lock is gone. */
interface Wait {
  lock: string;
  isOver(): boolean;
}
export type Statement<T> = Generator<Wait, T>;

/**
 * The statements that carry a transition, as libs/saga/src/postgres says them in SQL, with what Postgres does when
 * they meet: which rows a statement looks at is decided when it begins (its snapshot); a row that it has to wait for is
 * read again in its newest version; a row that is gone by then is left out. Each `yield` is a wait.
 */

/** Locks a row that the snapshot has shown. False: it was deleted while we waited. */
function* lockRow(
  tables: Tables,
  tx: Transaction,
  lock: string,
  isThere: () => boolean,
): Statement<boolean> {
  for (;;) {
    if (!isThere()) return false;
    if (tables.isFree(lock, tx)) break;
    yield { lock, isOver: () => tables.isFree(lock, tx) || !isThere() };
  }
  tables.lock(lock, tx);
  return true;
}

/** Locks a key, whether there is a row under it or not: whoever enters or deletes one is waited for. */
function* lockKey(tables: Tables, tx: Transaction, lock: string): Statement<void> {
  yield* lockRow(tables, tx, lock, () => true);
}

const laneOf = (tables: Tables, tx: Transaction, key: string): Lane | undefined => {
  const own = tx.lanes.get(key);
  return own === undefined ? tables.lanes.get(key) : (own ?? undefined);
};
const entryOf = (tables: Tables, tx: Transaction, id: string): Entry | undefined => {
  const own = tx.outbox.get(id);
  return own === undefined ? tables.outbox.get(id) : (own ?? undefined);
};
const sagaOf = (tables: Tables, tx: Transaction, id: number): Saga | undefined =>
  tx.sagas.get(id) ?? tables.sagas.get(id);

const sorted = <T extends string>(keys: Iterable<T>): T[] =>
  [...new Set(keys)].sort((a, b) => (a < b ? -1 : 1));

/** The first statement of claimRequests: answers the keys that it entered. */
export function* enterRequests(
  tables: Tables,
  tx: Transaction,
  claims: RequestClaim[],
): Statement<Set<string>> {
  const entered = new Set<string>();
  const byKey = new Map(claims.map((claim) => [claim.key, claim]));
  for (const key of sorted(byKey.keys())) {
    const lock = `request ${key}`;
    while (!tables.requests.has(key) && !tables.isFree(lock, tx))
      yield { lock, isOver: () => tables.isFree(lock, tx) };
    if (tables.requests.has(key) || tx.requests.has(key)) continue;
    tables.lock(lock, tx);
    tx.requests.set(key, byKey.get(key)!);
    entered.add(key);
  }
  return entered;
}

/** The second: a snapshot of its own, so it sees what the first has waited for. */
export function readRequests(tables: Tables, tx: Transaction, keys: string[]): RequestClaim[] {
  return keys.flatMap((key) => tx.requests.get(key) ?? tables.requests.get(key) ?? []);
}

export function* takeLanes(
  tables: Tables,
  tx: Transaction,
  keys: string[],
): Statement<{ id: number; holder: number | null; fence: number }[]> {
  const lanes = new Map<string, { holder: number | null; fence: number }>();
  for (const key of sorted(keys)) {
    yield* lockKey(tables, tx, `lane ${key}`);
    const lane = laneOf(tables, tx, key) ?? { holder: null, row: tables.nextRow() };
    tx.lanes.set(key, lane);
    lanes.set(key, { holder: lane.holder, fence: 0 });
  }
  for (const lane of lanes.values()) lane.fence = tables.nextFence();
  return keys.map((key) => ({ id: tables.nextSagaId(), ...lanes.get(key)! }));
}

export function* takeEntries(
  tables: Tables,
  tx: Transaction,
  ids: string[],
): Statement<Set<string>> {
  const taken = new Set<string>();
  const shown = sorted(ids).filter((id) => entryOf(tables, tx, id));
  for (const id of shown) {
    const isThere = (): boolean => entryOf(tables, tx, id) !== undefined;
    if (!(yield* lockRow(tables, tx, `outbox ${id}`, isThere))) continue;
    tx.outbox.set(id, null);
    taken.add(id);
  }
  return taken;
}

export function* lockLanes(
  tables: Tables,
  tx: Transaction,
  keys: string[],
): Statement<Map<string, number | null>> {
  const holders = new Map<string, number | null>();
  const shown = sorted(keys).flatMap((key) => {
    const lane = laneOf(tables, tx, key);
    return lane ? [{ key, row: lane.row }] : [];
  });
  for (const { key, row } of shown) {
    const isThere = (): boolean => laneOf(tables, tx, key)?.row === row;
    if (!(yield* lockRow(tables, tx, `lane ${key}`, isThere))) continue;
    holders.set(key, laneOf(tables, tx, key)!.holder);
  }
  return holders;
}

export function readSagas(
  tables: Tables,
  tx: Transaction,
  ids: number[],
  keys: string[],
): { cohorts: Cohort[]; next: Cohort[] } {
  const sagas = [...ids].sort((a, b) => a - b).flatMap((id) => sagaOf(tables, tx, id) ?? []);
  const next = [...firstQueued(tables, tx, keys).values()].map((saga) => ({
    ...saga,
    fence: tables.nextFence(),
  }));
  return { cohorts: cohortsOf(sagas), next: cohortsOf(next) };
}

/** Sagas in the same state together. They share nothing with what the tables hold. */
function cohortsOf(sagas: Saga[]): Cohort[] {
  const cohorts = new Map<string, Cohort>();
  for (const { id, key, input, fence, batchId, traceparent, ...state } of sagas.map(copyOf)) {
    const told = JSON.stringify(state);
    const cohort = cohorts.get(told) ?? { state, members: [] };
    cohort.members.push({ id, key, input, fence, batchId, traceparent });
    cohorts.set(told, cohort);
  }
  return [...cohorts.values()];
}

export function readLastSagaIds(
  tables: Tables,
  tx: Transaction,
  keys: string[],
): Map<string, number> {
  const last = new Map<string, number>();
  for (const saga of [...tables.sagas.values(), ...tx.sagas.values()])
    if (keys.includes(saga.key) && saga.id > (last.get(saga.key) ?? 0)) last.set(saga.key, saga.id);
  return last;
}

/** Of each key, the oldest queued saga that a snapshot taken now shows. */
function firstQueued(tables: Tables, tx: Transaction, keys: string[]): Map<string, Saga> {
  const first = new Map<string, Saga>();
  const wanted = new Set(keys);
  for (const id of new Set([...tables.sagas.keys(), ...tx.sagas.keys()])) {
    const saga = sagaOf(tables, tx, id)!;
    if (saga.status !== 'queued' || !wanted.has(saga.key)) continue;
    if (id < (first.get(saga.key)?.id ?? Infinity)) first.set(saga.key, saga);
  }
  return first;
}

export function* takeCommands(
  tables: Tables,
  tx: Transaction,
  newId: () => string,
  sagaIds: number[],
  dueAfter = -Infinity,
): Statement<{ taken: Entry[]; rest: Entry[] }> {
  const wanted = new Set(sagaIds);
  const isWanted = ([sagaId]: CommandItem): boolean => wanted.has(sagaId);
  const isShown = (entry: Entry | undefined): boolean =>
    entry !== undefined && entry.dueAt > dueAfter && entry.items.some(isWanted);
  const shown = sorted([...tables.outbox.keys(), ...tx.outbox.keys()]).filter((id) =>
    isShown(entryOf(tables, tx, id)),
  );
  const taken: Entry[] = [];
  const rest: Entry[] = [];
  for (const id of shown) {
    const isThere = (): boolean => entryOf(tables, tx, id) !== undefined;
    if (!(yield* lockRow(tables, tx, `outbox ${id}`, isThere))) continue;
    const { job: _, ...entry } = entryOf(tables, tx, id)!;
    tx.outbox.set(id, null);
    taken.push({ ...entry, items: entry.items.filter(isWanted) });
    const others = entry.items.filter((item) => !isWanted(item));
    if (others.length > 0) rest.push({ ...entry, id: newId(), items: others });
  }
  for (const entry of rest) tx.outbox.set(entry.id, entry);
  return { taken, rest };
}

export function findOwed(tables: Tables, tx: Transaction, sagaIds: number[]): Set<number> {
  const owed = new Set<number>();
  for (const id of new Set([...tables.outbox.keys(), ...tx.outbox.keys()]))
    for (const [sagaId] of entryOf(tables, tx, id)?.items ?? [])
      if (sagaIds.includes(sagaId)) owed.add(sagaId);
  return owed;
}

/** Locks the table, against everybody who locks it so. */
export function* lockPauses(tables: Tables, tx: Transaction): Statement<void> {
  yield* lockKey(tables, tx, 'pauses');
}

export function readPauses(tables: Tables, tx?: Transaction): Pause[] {
  const pauses = new Map<string, Pause | null>([...tables.pauses, ...(tx?.pauses ?? [])]);
  return sorted(pauses.keys()).flatMap((participant) => pauses.get(participant) ?? []);
}

export function* write(tables: Tables, tx: Transaction, changes: Changes): Statement<void> {
  const { held, released, entries } = changes;
  const [inserted, updated] = [sagasOf(changes.inserted), sagasOf(changes.updated)];
  for (const { id } of updated) yield* lockKey(tables, tx, `saga ${id}`);
  for (const { key } of held) yield* lockKey(tables, tx, `lane ${key}`);
  for (const key of released) yield* lockKey(tables, tx, `lane ${key}`);
  for (const saga of inserted) {
    if (sagaOf(tables, tx, saga.id)) throw new Error(`saga ${saga.id} is there already`);
    tx.sagas.set(saga.id, copyOf(saga));
  }
  for (const saga of updated) if (sagaOf(tables, tx, saga.id)) tx.sagas.set(saga.id, copyOf(saga));
  for (const { key, holder } of held) {
    const lane = laneOf(tables, tx, key);
    if (lane) tx.lanes.set(key, { ...lane, holder });
  }
  for (const key of released) if (laneOf(tables, tx, key)) tx.lanes.set(key, null);
  for (const entry of entries) {
    if (entryOf(tables, tx, entry.id)) throw new Error(`entry ${entry.id} is there already`);
    tx.outbox.set(entry.id, { ...entry, items: [...entry.items] });
  }
}
