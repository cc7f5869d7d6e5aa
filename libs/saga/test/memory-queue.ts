import type { ChangedSagas, Entry, JobQueue } from '../src/index.ts';

/** A queue in memory that may lose everything; it hands out what it has in the order due, whatever the clock says. */
export class MemoryQueue implements JobQueue {
  jobs = new Map<string, Entry[]>();
  away = false;
  marker: string | null = null;
  announced: ChangedSagas[] = [];
  paused = new Set<string>();

  async add(jobs: Entry[][]): Promise<void> {
    this.#refuseWhenAway();
    for (const job of jobs) {
      const [first] = job;
      const id = job.length === 1 ? ownJobOf(first!) : sharedJobOf(first!);
      if (!this.jobs.has(id)) this.jobs.set(id, job);
    }
  }
  part(entry: Entry): Promise<void> {
    return this.add([[entry]]);
  }
  async findMissing(entries: Entry[]): Promise<Entry[]> {
    this.#refuseWhenAway();
    return entries.filter(
      (entry) => !this.jobs.has(ownJobOf(entry)) && !this.jobs.has(sharedJobOf(entry)),
    );
  }
  async withdraw(entries: Entry[]): Promise<void> {
    this.#refuseWhenAway();
    for (const entry of entries)
      for (const id of [ownJobOf(entry), sharedJobOf(entry)]) this.jobs.delete(id);
  }
  async pauseOnly(participants: string[]): Promise<void> {
    this.#refuseWhenAway();
    this.paused = new Set(participants);
  }
  async findPaused(participants: string[]): Promise<{ paused: Set<string>; isWhole: boolean }> {
    this.#refuseWhenAway();
    const paused = new Set(participants.filter((name) => this.paused.has(name)));
    return { paused, isWhole: this.marker !== null };
  }
  async readMarker(): Promise<string | null> {
    this.#refuseWhenAway();
    return this.marker;
  }
  async writeMarker(incarnation: string): Promise<void> {
    this.marker = incarnation;
  }
  async announce(changed: ChangedSagas[]): Promise<void> {
    this.announced.push(...changed);
  }
  wipe(): void {
    this.jobs.clear();
    this.marker = null;
    this.paused.clear();
  }
  /** What is in its jobs. */
  entries(): Entry[] {
    return [...this.jobs.values()].flat();
  }
  /** Takes up to `count` entries out, siblings one by one: as where the job that they shared is lost, and recovery has added each. */
  take(count = Infinity, dueUntil = Infinity): Entry[] {
    const taken = this.entries()
      .filter(({ participant, dueAt }) => dueAt <= dueUntil && !this.paused.has(participant))
      .sort((one, other) => one.dueAt - other.dueAt)
      .slice(0, count);
    for (const [id, job] of this.jobs) {
      const left = job.filter((entry) => !taken.includes(entry));
      if (left.length > 0) this.jobs.set(id, left);
      else this.jobs.delete(id);
    }
    return taken;
  }
  /** Takes up to `count` jobs out, as workers do. */
  takeJobs(count = Infinity): Entry[][] {
    const taken = [...this.jobs]
      .filter(([, job]) => job.length > 1 || !this.paused.has(job[0]!.participant))
      .sort(([, [one]], [, [other]]) => one!.dueAt - other!.dueAt)
      .slice(0, count);
    for (const [id] of taken) this.jobs.delete(id);
    return taken.map(([, job]) => job);
  }
  #refuseWhenAway(): void {
    if (this.away) throw new Error('the queue is away');
  }
}

const ownJobOf = ({ participant, id }: Entry): string => `${participant} ${id}`;
const sharedJobOf = ({ job }: Entry): string => `stages ${job}`;
