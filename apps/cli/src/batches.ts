import { noSagas, type BatchAccepted, type BatchCounts } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import { pause } from './pause.ts';

const firstIntervalMs = 50;
const longestIntervalMs = 1_000;
const intervalGrowth = 1.4;
/** Batches asked for in one round, the oldest first: they end about in the order they were accepted. */
const batchesPerRound = 64;
const callsInFlight = 8;

/** Sagas of several batches by status; `total` is how many the orchestrator has accepted so far. */
export type Totals = BatchCounts;

/** Sagas that need no more waiting for: ended, or stuck. */
export const countSettled = (counts: BatchCounts): number =>
  counts.completed + counts.compensated + counts.cancelled + counts.resolved + counts.stuck;

/** Follows batches until each of their sagas has ended or is stuck. */
export class BatchTracker {
  readonly #client: Client;
  readonly #batches = new Map<string, BatchCounts>();
  /** Kept up to date rather than summed: ten million ids are ten thousand batches. */
  readonly #totals: Totals = { ...noSagas };
  #isComplete = false;

  constructor(client: Client) {
    this.#client = client;
  }

  add({ batchId, accepted }: BatchAccepted): void {
    this.#replace(batchId, { ...noSagas, total: accepted, queued: accepted });
  }

  /** No further batch will be added. */
  close(): void {
    this.#isComplete = true;
  }

  get ids(): string[] {
    return [...this.#batches.keys()];
  }

  get totals(): Totals {
    return { ...this.#totals };
  }

  /** Asks at growing intervals. Throws what the client throws, InterruptedError once `signal` is aborted. */
  async settle(signal: AbortSignal, onProgress: (totals: Totals) => void): Promise<Totals> {
    for (let intervalMs = firstIntervalMs; ; intervalMs *= intervalGrowth) {
      const wasComplete = this.#isComplete;
      await this.#read(this.#unsettled().slice(0, batchesPerRound));
      onProgress(this.totals);
      if (wasComplete && this.#unsettled().length === 0) break;
      await pause(Math.min(intervalMs, longestIntervalMs), signal);
    }
    // What was stuck early on may have been taken back while the rest went on.
    await this.#read(this.ids.filter((id) => (this.#batches.get(id)?.stuck ?? 0) > 0));
    return this.totals;
  }

  #replace(id: string, counts: BatchCounts): void {
    const before = this.#batches.get(id) ?? noSagas;
    for (const name of Object.keys(noSagas) as (keyof Totals)[]) {
      this.#totals[name] += counts[name] - before[name];
    }
    this.#batches.set(id, counts);
  }

  #unsettled(): string[] {
    return this.ids.filter((id) => {
      const counts = this.#batches.get(id);
      return counts !== undefined && countSettled(counts) < counts.total;
    });
  }

  async #read(ids: string[]): Promise<void> {
    const left = ids.values();
    const readNext = async (): Promise<void> => {
      for (const id of left) this.#replace(id, await this.#client.readBatch(id));
    };
    await Promise.all(Array.from({ length: Math.min(callsInFlight, ids.length) }, readNext));
  }
}
