import type { Entry, JobQueue } from '../src/index.ts';

/** A queue in memory that may lose everything; `run` hands its jobs out in the order due, whatever the clock says. */
export class MemoryQueue implements JobQueue {
  jobs = new Map<string, Entry>();
  away = false;
  marker: string | null = null;
  ended: number[] = [];

  async add(entries: Entry[]): Promise<void> {
    this.#refuseWhenAway();
    for (const entry of entries) if (!this.jobs.has(entry.id)) this.jobs.set(entry.id, entry);
  }
  async findMissing(entries: Entry[]): Promise<Entry[]> {
    this.#refuseWhenAway();
    return entries.filter(({ id }) => !this.jobs.has(id));
  }
  async readMarker(): Promise<string | null> {
    this.#refuseWhenAway();
    return this.marker;
  }
  async writeMarker(incarnation: string): Promise<void> {
    this.marker = incarnation;
  }
  async announceEnded(sagaIds: number[]): Promise<void> {
    this.ended.push(...sagaIds);
  }
  wipe(): void {
    this.jobs.clear();
    this.marker = null;
  }
  /** Takes up to `count` jobs out. */
  take(count = Infinity): Entry[] {
    const taken = [...this.jobs.values()].sort((a, b) => a.dueAt - b.dueAt).slice(0, count);
    for (const { id } of taken) this.jobs.delete(id);
    return taken;
  }
  #refuseWhenAway(): void {
    if (this.away) throw new Error('the queue is away');
  }
}
