import { stagesQueue, type Entry, type JobQueue } from '@reliable-ops/saga';
import type { EngineModule } from './definitions.ts';
import { SimulatedFault } from './fault.ts';
import type { Random } from './random.ts';
import type { Life } from './scheduler.ts';

export interface Job {
  /** A participant's own, or the one that all share. */
  queue: string;
  id: string;
  /** As they come out of Redis. */
  entries: Entry[];
  state: 'waiting' | 'active' | 'finished';
  dueAt: number;
  /** Raised each time that it is handed out: who has an older one has lost his lock. */
  lock: number;
  holder: Life | undefined;
  stalls: number;
  failures: number;
}

/** Each queue has ids of its own: the first of some siblings has a job under the id of theirs, too. */
const keyOf = ({ queue, id }: Pick<Job, 'queue' | 'id'>): string => `${queue} ${id}`;

/** What BullMQ keeps in Redis, as far as the engine can tell. */
export class QueueState {
  /** By queue and id. */
  jobs = new Map<string, Job>();
  /** Ids of all rows that were ever added since it was wiped, alone or with siblings. */
  added = new Set<string>();
  /** Ids of the rows whose own job was ever taken away. */
  removed = new Set<string>();
  marker: string | null = null;
  /** How often it was written. */
  markers = 0;
  /** Participants whose jobs are not begun; how many jobs had been begun before. */
  paused = new Map<string, number>();
  isAway = false;
  wipes = 0;
  /** Jobs begun so far. */
  begun = 0;
  readonly #engine: EngineModule;
  readonly #onSwallowed: (job: Job, by: Job) => void;

  constructor(engine: EngineModule, onSwallowed: (job: Job, by: Job) => void) {
    this.#engine = engine;
    this.#onSwallowed = onSwallowed;
  }

  wipe(): void {
    this.wipes++;
    this.jobs.clear();
    this.added.clear();
    this.removed.clear();
    this.paused.clear();
    this.marker = null;
  }

  /** An id that is there already, finished or not, swallows the new job. */
  add(jobs: Entry[][], now: number): void {
    for (const entries of jobs) {
      for (const { id } of entries) this.added.add(id);
      const job = this.#jobOf(entries, now);
      const standing = this.jobs.get(keyOf(job));
      if (!standing) this.jobs.set(keyOf(job), job);
      else if (entries.some(({ id }) => !standing.entries.some((other) => other.id === id)))
        this.#onSwallowed(job, standing);
    }
  }

  #jobOf(entries: Entry[], now: number): Job {
    const { writeJob, readJob } = this.#engine;
    const [{ id, participant, dueAt: due, job: shared }] = entries as [Entry];
    const dueAt = Math.max(now, due);
    return {
      ...(entries.length === 1 ? { queue: participant, id } : { queue: stagesQueue, id: shared! }),
      entries: readJob(JSON.parse(JSON.stringify(writeJob(entries))), dueAt),
      state: 'waiting',
      dueAt,
      lock: 0,
      holder: undefined,
      stalls: 0,
      failures: 0,
    };
  }

  findMissing(entries: Entry[]): Entry[] {
    return entries.filter(
      ({ id, participant, job }) =>
        !this.#isLive({ queue: participant, id }) &&
        !(job && this.#isLive({ queue: stagesQueue, id: job })),
    );
  }

  #isLive(job: Pick<Job, 'queue' | 'id'>): boolean {
    const standing = this.jobs.get(keyOf(job));
    return standing !== undefined && standing.state !== 'finished';
  }

  ownJobOf({ participant, id }: Entry): Job | undefined {
    return this.jobs.get(keyOf({ queue: participant, id }));
  }

  #sharedJobOf({ job }: Entry): Job | undefined {
    return job === undefined ? undefined : this.jobs.get(keyOf({ queue: stagesQueue, id: job }));
  }

  /** Removes jobs, except those under way. */
  withdraw(entries: Entry[]): void {
    for (const entry of entries)
      for (const job of [this.ownJobOf(entry), this.#sharedJobOf(entry)])
        if (job && job.state !== 'active') this.remove(job);
  }

  /** Whoever takes over for a Redis that fails may not have heard of its last jobs. */
  remove(job: Job): void {
    this.jobs.delete(keyOf(job));
    if (job.queue !== stagesQueue) this.removed.add(job.id);
  }

  pauseOnly(participants: string[]): void {
    const since = (name: string): number => this.paused.get(name) ?? this.begun;
    this.paused = new Map(participants.map((name) => [name, since(name)]));
  }

  /** Jobs of a queue that may be begun at `now`. */
  due(queue: string, now: number): Job[] {
    if (this.isAway || this.paused.has(queue)) return [];
    const due: Job[] = [];
    for (const job of this.jobs.values())
      if (job.state === 'waiting' && job.queue === queue && job.dueAt <= now) due.push(job);
    return due;
  }

  hasDue(queue: string, now: number): boolean {
    return this.nextDueAt(queue) <= now;
  }

  /** When a job of the queue may be begun, by the passing of time alone. */
  nextDueAt(queue: string): number {
    let next = Infinity;
    if (this.isAway || this.paused.has(queue)) return next;
    for (const { state, queue: own, dueAt } of this.jobs.values())
      if (state === 'waiting' && dueAt < next && own === queue) next = dueAt;
    return next;
  }

  /** Hands a job out; answers the lock that its holder has to show. */
  start(job: Job, holder: Life): number {
    job.state = 'active';
    job.holder = holder;
    this.begun++;
    return ++job.lock;
  }

  /** Whether the job is still its holder's. */
  isHeld(job: Job, lock: number): boolean {
    return this.jobs.get(keyOf(job)) === job && job.lock === lock && job.state === 'active';
  }

  /** The job's holder is done with it, or hands it back. */
  end(job: Job, ending: { finished: true } | { dueAt: number }): void {
    job.holder = undefined;
    job.state = 'dueAt' in ending ? 'waiting' : 'finished';
    if (!('dueAt' in ending)) return;
    job.dueAt = ending.dueAt;
    job.failures++;
  }

  /** Its holder has not renewed his lock: the job goes to somebody else, whatever its holder still does. */
  stall(job: Job, lock: number): boolean {
    if (!this.isHeld(job, lock)) return false;
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
  /** How a call ends; `lost`: it was carried out; `partial`: some of it was. */
  failCall(): 'none' | 'failed' | 'partial' | 'lost';
  /** Ids of the outbox rows that are committed. */
  owed(): string[];
  /**
   * The marker says that the queue was given what was owed when its absence was noticed, but no job of this row was ever added. (One
   * that has ended, or that two recoveries at once have taken for ended, is overdue, and found by the next look.)
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
    add: (jobs) => ask('add jobs', (part) => state.add(part(jobs), host.now())),
    part: (entry) => ask('part from siblings', (part) => state.add(part([[entry]]), host.now())),
    findMissing: (entries) => ask('find missing jobs', () => state.findMissing(entries)),
    withdraw: (entries) => ask('withdraw jobs', (part) => state.withdraw(part(entries))),
    pauseOnly: (participants) => ask('pause only', (part) => state.pauseOnly(part(participants))),
    findPaused: (participants) =>
      ask('find paused', () => ({
        paused: new Set(participants.filter((name) => state.paused.has(name))),
        isWhole: state.marker !== null,
      })),
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
        state.markers++;
      }),
    announce: () => ask('announce', () => {}),
  };
}
