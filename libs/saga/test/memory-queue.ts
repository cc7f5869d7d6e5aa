import { Families } from '@reliable-ops/testkit';
import {
  readResult,
  writeResult,
  type ChangedSagas,
  type Entry,
  type EntryResult,
  type JobQueue,
} from '../src/index.ts';

/** A queue in memory that may lose everything; `run` hands its jobs out in the order due, whatever the clock says. */
export class MemoryQueue implements JobQueue {
  jobs = new Map<string, Entry>();
  away = false;
  marker: string | null = null;
  announced: ChangedSagas[] = [];

  async add(entries: Entry[]): Promise<void> {
    this.#refuseWhenAway();
    for (const entry of entries) if (!this.jobs.has(entry.id)) this.jobs.set(entry.id, entry);
  }
  async findMissing(entries: Entry[]): Promise<Entry[]> {
    this.#refuseWhenAway();
    return entries.filter(({ id }) => !this.jobs.has(id));
  }
  paused = new Set<string>();

  async withdraw(entries: Entry[]): Promise<void> {
    this.#refuseWhenAway();
    for (const { id } of entries) this.jobs.delete(id);
  }
  async pauseOnly(participants: string[]): Promise<void> {
    this.#refuseWhenAway();
    this.paused = new Set(participants);
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
  families = new Families({ readResult, writeResult });

  async handOver(result: EntryResult): Promise<EntryResult[] | null> {
    this.#refuseWhenAway();
    return this.families.handOver(result);
  }
  async isTaken(entry: Entry): Promise<boolean> {
    this.#refuseWhenAway();
    return this.families.isTaken(entry);
  }
  async takeBack(entry: Entry): Promise<boolean> {
    this.#refuseWhenAway();
    return this.families.takeBack(entry);
  }
  wipe(): void {
    this.jobs.clear();
    this.families.clear();
    this.marker = null;
    this.paused.clear();
  }
  /** Takes up to `count` jobs out. */
  take(count = Infinity): Entry[] {
    const taken = [...this.jobs.values()]
      .filter(({ participant }) => !this.paused.has(participant))
      .sort((a, b) => a.dueAt - b.dueAt)
      .slice(0, count);
    for (const { id } of taken) this.jobs.delete(id);
    return taken;
  }
  #refuseWhenAway(): void {
    if (this.away) throw new Error('the queue is away');
  }
}
