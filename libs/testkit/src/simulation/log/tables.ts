import type { Entry, Pause, RequestClaim, Saga } from '@reliable-ops/saga';

export interface Lane {
  holder: number | null;
  /** Which row it is: one that was deleted and entered again is another, and whoever waited for the first does not get it. */
  row: number;
}

/** What a commit changed, before and after: for whoever watches the promises. */
export interface Commit {
  sagas: { before: Saga | undefined; after: Saga }[];
  lanes: Set<string>;
  outbox: { before: Entry | undefined; after: Entry | undefined }[];
}

/** A transaction of READ COMMITTED: what it has written so far, which others see once it commits, and its locks. */
export interface Transaction {
  owner: unknown;
  isOpen: boolean;
  /** Why it was rolled back from outside: every further statement answers this. */
  failure: Error | undefined;
  waitsFor: string | undefined;
  locks: string[];
  sagas: Map<number, Saga>;
  lanes: Map<string, Lane | null>;
  outbox: Map<string, Entry | null>;
  requests: Map<string, RequestClaim>;
  pauses: Map<string, Pause | null>;
}

/**
 * The tables of schema `saga` as far as they are committed, and the row locks on them. Locks are by name
 * ("lane k", "outbox id", ...): one covers a row and, where there is none yet, the entering of its key.
 */
export class Tables {
  readonly sagas = new Map<number, Saga>();
  readonly lanes = new Map<string, Lane>();
  readonly outbox = new Map<string, Entry>();
  readonly requests = new Map<string, RequestClaim>();
  readonly pauses = new Map<string, Pause>();
  readonly leases = new Map<string, { holder: string; until: number }>();
  readonly open = new Set<Transaction>();
  readonly incarnation: string;
  readonly #locks = new Map<string, Transaction>();
  readonly #onCommit: (commit: Commit) => void;
  // Sequences: a rollback does not give back what was drawn.
  #fences = 0;
  #sagaIds = 0;
  #rows = 0;

  constructor(incarnation: string, onCommit: (commit: Commit) => void = () => {}) {
    this.incarnation = incarnation;
    this.#onCommit = onCommit;
  }

  nextFence = (): number => ++this.#fences;
  nextSagaId = (): number => ++this.#sagaIds;
  nextRow = (): number => ++this.#rows;

  begin(owner: unknown): Transaction {
    const tx: Transaction = {
      owner,
      isOpen: true,
      failure: undefined,
      waitsFor: undefined,
      locks: [],
      sagas: new Map(),
      lanes: new Map(),
      outbox: new Map(),
      requests: new Map(),
      pauses: new Map(),
    };
    this.open.add(tx);
    return tx;
  }

  isFree(lock: string, tx: Transaction): boolean {
    const owner = this.#locks.get(lock);
    return owner === undefined || owner === tx;
  }

  lock(lock: string, tx: Transaction): void {
    if (this.#locks.get(lock) === tx) return;
    this.#locks.set(lock, tx);
    tx.locks.push(lock);
  }

  /** Whether waiting for `lock` would close a circle. */
  wouldDeadlock(lock: string, tx: Transaction): boolean {
    let owner = this.#locks.get(lock);
    while (owner !== undefined && owner !== tx)
      owner = owner.waitsFor === undefined ? undefined : this.#locks.get(owner.waitsFor);
    return owner === tx;
  }

  rollback(tx: Transaction, failure?: Error): void {
    if (!tx.isOpen) return;
    tx.failure = failure;
    this.#end(tx);
  }

  commit(tx: Transaction): void {
    const commit: Commit = { sagas: [], lanes: new Set(tx.lanes.keys()), outbox: [] };
    for (const [id, after] of tx.sagas) {
      commit.sagas.push({ before: this.sagas.get(id), after });
      this.sagas.set(id, after);
    }
    for (const [key, lane] of tx.lanes)
      if (lane) this.lanes.set(key, lane);
      else this.lanes.delete(key);
    for (const [id, after] of tx.outbox) {
      commit.outbox.push({ before: this.outbox.get(id), after: after ?? undefined });
      if (after) this.outbox.set(id, after);
      else this.outbox.delete(id);
    }
    for (const [key, claim] of tx.requests) this.requests.set(key, claim);
    for (const [participant, pause] of tx.pauses)
      if (pause) this.pauses.set(participant, pause);
      else this.pauses.delete(participant);
    this.#end(tx);
    this.#onCommit(commit);
  }

  #end(tx: Transaction): void {
    tx.isOpen = false;
    for (const lock of tx.locks) this.#locks.delete(lock);
    this.open.delete(tx);
  }
}

/** What goes into a table or comes out of it shares nothing with what the process holds. */
export const copyOf = (saga: Saga): Saga => ({
  ...saga,
  steps: saga.steps.map((step) => ({ ...step, log: [...step.log] })),
  history: [...saga.history],
});
