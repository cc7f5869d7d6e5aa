import type { Entry } from './command.ts';
import type { EntryResult } from './entry-result.ts';
import type { JobQueue } from './queue.ts';

/**
 * Entries of the same sagas for several participants. Committed together, their sagas are read and written once; and a
 * saga neither goes on nor turns back before all of its stage is there, so hardly anybody is kept waiting by that.
 *
 * Where all of them are in this process they wait for each other here. Else what came of each is left with the queue, and whoever brings
 * the last one commits all. What is lost on the way, or with the process that has taken it, still stands in the
 * outbox: recovery has it done again.
 */
export interface Siblings {
  /**
   * Does an entry's work, and has what came of it committed together with its siblings; at the latest after another `patience` times as
   * long as it took itself, for one may hang. Answers when it is committed, or another process has taken it to commit it.
   */
  together(entry: Entry, work: () => Promise<EntryResult>): Promise<EntryResult>;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
}

export interface SiblingsOptions {
  queue: Pick<JobQueue, 'handOver' | 'isTaken' | 'takeBack'>;
  /** How long one waits for its siblings, in times as long as it took itself. */
  patience: number;
  clock(): number;
  /** Answers for each when it is committed. */
  commit(results: EntryResult[]): Promise<void>[];
  /** What another process has handed over could not be committed: its job has ended. */
  onLost(error: unknown, entry: Entry): void;
}

/** Siblings that come to this process at all are mostly fetched within so many milliseconds of each other. */
const unseenMs = 50;
/** Upper bound of the wait for siblings that another process may have, in milliseconds. */
const handedOverMs = 5_000;
/** Milliseconds until it is asked whether what was handed over is taken; from then on twice as long each time. */
const firstLookMs = 5;

/** Entries of the same sagas, as far as this process has seen them. */
interface Family {
  /** Not back yet: with their participants, or never seen here. */
  missing: number;
  /** Of these, how many are with their participants. */
  away: number;
  /** What is back and waits for those that are not. */
  waiting: Waiting[];
  /** One was handed over, so all others are. */
  isElsewhere: boolean;
}

interface Waiting {
  result: EntryResult;
  goOn(committed: Promise<void>): void;
  limit: NodeJS.Timeout;
}

export function createSiblings(options: SiblingsOptions): Siblings {
  const { queue, patience, clock, commit, onLost } = options;
  /** By their first saga: entries that one decision has made begin with the same. */
  const families = new Map<number, Family>();
  /** What this process has handed over, by entry. */
  const handedOver = new Map<string, (committed: Promise<void>) => void>();
  const busy = new Set<Promise<unknown>>();

  const familyOf = ({ items, siblings = 1 }: Entry): Family => {
    const id = items[0]![0];
    const family = families.get(id) ?? {
      missing: siblings,
      away: 0,
      waiting: [],
      isElsewhere: false,
    };
    families.set(id, family);
    return family;
  };

  const commitWaiting = (family: Family): void => {
    const { waiting } = family;
    family.waiting = [];
    const committed = commit(waiting.map(({ result }) => result));
    for (const [n, { goOn, limit }] of waiting.entries()) {
      clearTimeout(limit);
      goOn(committed[n]!);
    }
  };

  const isAllBack = ({ away, missing }: Family): boolean => away === 0 && missing <= 0;

  /** Where one is not seen here in time, another process may have it. */
  const waitHere = (family: Family, result: EntryResult, ownMs: number): Promise<void> =>
    new Promise<void>((goOn) => {
      const beforeMs = Math.min(ownMs, unseenMs);
      const afterMs = patience * ownMs - beforeMs;
      const goElsewhere = (): void => {
        if (family.missing <= family.away) {
          one.limit = setTimeout(() => commitWaiting(family), afterMs);
          return;
        }
        family.waiting.splice(family.waiting.indexOf(one), 1);
        goOn(handOver(family, result, afterMs));
      };
      const one: Waiting = { result, goOn, limit: setTimeout(goElsewhere, beforeMs) };
      family.waiting.push(one);
      if (isAllBack(family)) commitWaiting(family);
    });

  /** Until this process has taken what it handed over itself, or `limitMs` are over: undefined. */
  const takenHere = (id: string, limitMs: number) =>
    new Promise<{ committed: Promise<void> } | undefined>((resolve) => {
      const end = (taken?: { committed: Promise<void> }): void => {
        clearTimeout(limit);
        handedOver.delete(id);
        resolve(taken);
      };
      const limit = setTimeout(end, limitMs);
      handedOver.set(id, (committed) => end({ committed }));
    });

  /** Until whoever has brought the last sibling has taken it; past the limit it goes alone. */
  const waitElsewhere = async (result: EntryResult, limitMs: number): Promise<void> => {
    const { entry } = result;
    const until = clock() + Math.min(limitMs, handedOverMs);
    for (let pauseMs = firstLookMs; ; pauseMs *= 2) {
      const leftMs = until - clock();
      const taken = await takenHere(entry.id, Math.min(pauseMs, leftMs));
      if (taken) return taken.committed;
      if (leftMs > pauseMs) {
        if (await queue.isTaken(entry).catch(() => false)) return;
        continue;
      }
      // Where the queue is away, it may be that two commit it: the second one finds no row.
      if (await queue.takeBack(entry).catch(() => true)) await commit([result])[0];
      return;
    }
  };

  const handOver = async (family: Family, result: EntryResult, limitMs: number): Promise<void> => {
    // It has to be halved, and for that its own items are needed.
    if (!Array.isArray(result.attempts)) return commit([result])[0];
    family.isElsewhere = true;
    const all = await queue.handOver(result).catch(() => [result]);
    if (!all) return waitElsewhere(result, limitMs);
    const committed = commit(all);
    for (const [n, { entry }] of all.entries()) {
      const waiter = handedOver.get(entry.id);
      if (waiter) waiter(committed[n]!);
      else if (entry.id !== result.entry.id)
        committed[n]!.catch((error: unknown) => onLost(error, entry));
    }
    await committed[all.findIndex(({ entry }) => entry.id === result.entry.id)];
  };

  return {
    async together(entry, work) {
      const family = familyOf(entry);
      const since = clock();
      family.away++;
      try {
        const result = await work().finally(() => {
          family.away--;
          family.missing--;
        });
        const ownMs = clock() - since;
        const wait = family.isElsewhere
          ? handOver(family, result, patience * ownMs)
          : waitHere(family, result, ownMs);
        busy.add(wait);
        await wait.finally(() => busy.delete(wait));
        return result;
      } finally {
        if (family.waiting.length > 0 && isAllBack(family)) commitWaiting(family);
        const isOver = family.away === 0 && family.waiting.length === 0;
        const id = entry.items[0]![0];
        if (isOver && families.get(id) === family) families.delete(id);
      }
    },
    async idle() {
      await Promise.allSettled(busy);
    },
  };
}
