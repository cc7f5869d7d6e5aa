import type { Entry, JobQueue } from '@reliable-ops/saga';
import type { EngineModule } from './definitions.ts';
import { Families } from './families.ts';
import { SimulatedFault } from './fault.ts';
import type { Random } from './random.ts';
import type { Life } from './scheduler.ts';

export interface Job {
  entry: Entry;
  state: 'waiting' | 'active' | 'finished';
  dueAt: number;
  /** Raised each time that it is handed out: who has an older one has lost his lock. */
  lock: number;
  holder: Life | undefined;
  stalls: number;
  failures: number;
}

/** What BullMQ keeps in Redis, as far as the engine can tell. */
export class QueueState {
  jobs = new Map<string, Job>();
  /** Ids of all that was ever added since it was wiped. */
  added = new Set<string>();
  marker: string | null = null;
  /** Participants whose jobs are not begun. */
  paused = new Set<string>();
  readonly families: Families;
  isAway = false;
  wipes = 0;

  constructor(engine: EngineModule) {
    this.families = new Families(engine);
  }

  wipe(): void {
    this.wipes++;
    this.jobs.clear();
    this.added.clear();
    this.paused.clear();
    this.families.clear();
    this.marker = null;
  }

  /** An id that is there already, finished or not, swallows the new job. */
  add(entries: Entry[], now: number): void {
    for (const entry of entries) {
      this.added.add(entry.id);
      if (!this.jobs.has(entry.id))
        this.jobs.set(entry.id, {
          entry,
          state: 'waiting',
          dueAt: Math.max(now, entry.dueAt),
          lock: 0,
          holder: undefined,
          stalls: 0,
          failures: 0,
        });
    }
  }

  findMissing(entries: Entry[]): Entry[] {
    return entries.filter(({ id }) => {
      const job = this.jobs.get(id);
      return job === undefined || job.state === 'finished';
    });
  }

  /** Removes jobs, except those under way. */
  withdraw(entries: Entry[]): void {
    for (const { id } of entries) if (this.jobs.get(id)?.state !== 'active') this.jobs.delete(id);
  }

  /** Jobs of a participant that may be begun at `now`. */
  due(participant: string, now: number): Job[] {
    if (this.isAway || this.paused.has(participant)) return [];
    const due: Job[] = [];
    for (const job of this.jobs.values())
      if (job.state === 'waiting' && job.entry.participant === participant && job.dueAt <= now)
        due.push(job);
    return due;
  }

  hasDue(participant: string, now: number): boolean {
    return this.nextDueAt(participant) <= now;
  }

  /** When a job of the participant may be begun, by the passing of time alone. */
  nextDueAt(participant: string): number {
    let next = Infinity;
    if (this.isAway || this.paused.has(participant)) return next;
    for (const { state, entry, dueAt } of this.jobs.values())
      if (state === 'waiting' && dueAt < next && entry.participant === participant) next = dueAt;
    return next;
  }

  /** Hands a job out; answers the lock that its holder has to show. */
  start(job: Job, holder: Life): number {
    job.state = 'active';
    job.holder = holder;
    return ++job.lock;
  }

  /** The job's holder is done with it, or hands it back; nothing happens where he has lost his lock. */
  end(job: Job, lock: number, ending: { finished: true } | { dueAt: number }): void {
    if (this.jobs.get(job.entry.id) !== job || job.lock !== lock || job.state !== 'active') return;
    job.holder = undefined;
    job.state = 'dueAt' in ending ? 'waiting' : 'finished';
    if (!('dueAt' in ending)) return;
    job.dueAt = ending.dueAt;
    job.failures++;
  }

  /** Its holder has not renewed his lock: the job goes to somebody else, whatever its holder still does. */
  stall(job: Job, lock: number): boolean {
    if (this.jobs.get(job.entry.id) !== job || job.lock !== lock || job.state !== 'active')
      return false;
    job.state = 'waiting';
    job.holder = undefined;
    job.stalls++;
    return true;
  }
}

export interface QueueHost {
  schedule(label: string, run: () => void): void;
  now(): number;
  random: Random;
  count(what: string): void;
  /** How a call ends; `lost`: it was carried out; `partial`: some of it was. */
  failCall(): 'none' | 'failed' | 'partial' | 'lost';
  /** Ids of the outbox rows that are committed. */
  owed(): string[];
  /**
   * The marker says that the queue was given what was owed when its absence was noticed, but this job was never added. (One that
   * has ended, or that two recoveries at once have taken for ended, is overdue, and found by the next look.)
   */
  onFalseMarker(id: string): void;
}

/** A process's connection to the queue: every call is a step. */
export function createSimulatedQueue(state: QueueState, host: QueueHost): JobQueue {
  const ask = <T>(label: string, call: (part: <I>(items: I[]) => I[]) => T): Promise<T> =>
    new Promise((resolve, reject) => {
      host.schedule(label, () => {
        const fault = state.isAway ? 'failed' : host.failCall();
        const part = <I>(items: I[]): I[] =>
          fault === 'partial' ? items.filter(() => host.random.chance(0.5)) : items;
        const result = fault === 'failed' ? undefined : call(part);
        if (fault === 'none') resolve(result as T);
        else reject(new SimulatedFault('the queue is away'));
      });
    });
  let owedThen: string[] = [];
  let wipesThen = 0;
  return {
    add: (entries) => ask('add jobs', (part) => state.add(part(entries), host.now())),
    findMissing: (entries) => ask('find missing jobs', () => state.findMissing(entries)),
    withdraw: (entries) => ask('withdraw jobs', (part) => state.withdraw(part(entries))),
    pauseOnly: (participants) =>
      ask('pause only', (part) => {
        state.paused = new Set(part(participants));
      }),
    readMarker: () =>
      ask('read marker', () => {
        owedThen = host.owed();
        wipesThen = state.wipes;
        return state.marker;
      }),
    writeMarker: (incarnation) =>
      ask('write marker', () => {
        const owed = new Set(host.owed());
        if (state.wipes === wipesThen)
          for (const id of owedThen)
            if (owed.has(id) && !state.added.has(id)) host.onFalseMarker(id);
        state.marker = incarnation;
      }),
    announce: () => ask('announce', () => {}),
    handOver: (result) =>
      ask('hand over', () => {
        const all = state.families.handOver(result);
        host.count(all ? 'outcomes taken together' : 'outcomes handed over');
        return all;
      }),
    isTaken: (entry) => ask('is taken', () => state.families.isTaken(entry)),
    takeBack: (entry) => ask('take back', () => state.families.takeBack(entry)),
  };
}
