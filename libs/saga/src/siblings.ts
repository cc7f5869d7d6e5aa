import type { Entry } from './command.ts';
import type { EntryResult } from './entry-result.ts';
import type { JobQueue } from './queue.ts';
import { settleWithin } from './settle-within.ts';

/**
 * Carries out jobs. What came of siblings is committed together: their sagas are read and written once, and a saga neither goes on
 * nor turns back before all of its stage is there, so hardly anybody is kept waiting by that.
 *
 * A participant that is slow or paused holds up nobody else: its entry leaves the job and has one of its own, in the participant's own
 * queue. So do those that come while one of it is away.
 */
export interface Siblings {
  /**
   * Answers when each entry is committed or has left; what came of those that have not left. `isShared` where they are what is left of
   * a job that siblings share, be it one: the queue that it comes from is not the participant's, and has no pause.
   */
  together(entries: Entry[], isShared?: boolean): Promise<EntryResult[]>;
  /** Resolves when no job is in hand, and none is away. */
  idle(): Promise<void>;
}

export interface SiblingsOptions {
  queue: Pick<JobQueue, 'part' | 'withdraw'>;
  /** How long an outcome waits for its siblings, in times as long as it took itself. */
  patience: number;
  clock(): number;
  run(entry: Entry): Promise<EntryResult>;
  /** Of these participants, those that are paused. */
  findPaused(participants: string[]): Promise<Set<string>>;
  /** Gives each entry a job of its own. Throws where the queue is away. */
  publishAlone(entries: Entry[]): Promise<void>;
  /** Answers for each when it is committed. */
  commit(results: EntryResult[]): Promise<void>[];
}

/** One waits at least so many milliseconds for its siblings: leaving costs a job. */
const leastPatienceMs = 200;
/** Where none is back after so many milliseconds, all leave: the job holds a place that the sagas of other participants need. */
const firstPatienceMs = 5_000;

/** One that has left its job, and is still with its participant. */
interface Away {
  participant: string;
  committed: Promise<EntryResult>;
}

export function createSiblings(options: SiblingsOptions): Siblings {
  const { queue, patience, clock, run, findPaused, publishAlone, commit } = options;
  /** By entry. */
  const away = new Map<string, Away>();
  /** What `idle` waits for. */
  const underWay = new Set<Promise<unknown>>();

  const track = <T>(work: Promise<T>): Promise<T> => {
    const end = (): void => void underWay.delete(work);
    underWay.add(work);
    work.then(end, end);
    return work;
  };

  const commitOne = async (running: Promise<EntryResult>): Promise<EntryResult> => {
    const result = await running;
    await commit([result])[0];
    return result;
  };

  /** It goes on without its siblings. */
  const leave = async (
    { job: _job, ...entry }: Entry,
    running: Promise<EntryResult>,
  ): Promise<void> => {
    const committed = track(commitOne(running));
    away.set(entry.id, { participant: entry.participant, committed });
    const comeBack = (): void => void away.delete(entry.id);
    committed.then(comeBack, comeBack); // where it failed, the job of its own does it again
    await queue.part(entry, clock());
    committed.then(() => queue.withdraw([entry])).catch(() => {});
  };

  /** Of siblings, those that may be carried out together. */
  const partFromHeldUp = async (job: Entry[]): Promise<Entry[]> => {
    const heldUp = await findPaused(job.map(({ participant }) => participant));
    for (const { participant } of away.values()) heldUp.add(participant);
    const leaving = job.filter(({ participant }) => heldUp.has(participant));
    if (leaving.length > 0) await publishAlone(leaving);
    return job.filter((entry) => !leaving.includes(entry));
  };

  const runTogether = async (entries: Entry[]): Promise<EntryResult[]> => {
    const since = clock();
    const pending = new Map<Entry, Promise<EntryResult>>();
    const back: EntryResult[] = [];
    const failures: unknown[] = [];
    const runs = entries.map(async (entry) => {
      const running = run(entry);
      pending.set(entry, running);
      try {
        back.push(await running);
      } catch (error) {
        failures.push(error);
      }
      pending.delete(entry);
    });
    await settleWithin(Promise.race(runs), firstPatienceMs);
    if (pending.size < entries.length)
      await settleWithin(
        Promise.all(runs),
        Math.max(leastPatienceMs, patience * (clock() - since)),
      );

    const results = [...back];
    const leaving = [...pending].map(([entry, running]) => leave(entry, running));
    await Promise.all([...leaving, ...(results.length > 0 ? commit(results) : [])]);
    if (failures.length > 0) throw failures[0];
    return results;
  };

  const carryOut = async (entries: Entry[], isShared: boolean): Promise<EntryResult[]> => {
    const [first] = entries;
    if (!isShared) return [await (away.get(first!.id)?.committed ?? commitOne(run(first!)))];
    const free = await partFromHeldUp(entries);
    return free.length > 0 ? runTogether(free) : [];
  };

  return {
    together: (entries, isShared = entries.length > 1) => track(carryOut(entries, isShared)),
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
