import { hasEnded, sagaStatuses, type ChangesEvent } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import { exitCodeOf } from './errors.ts';

/** Over which time the rate is taken. */
const windowMs = 5_000;
/** Less is no rate yet. */
const shortestMs = 1_000;

/** Sagas that end a second, by what the orchestrator tells of changes. Aborting the client's signal ends it. */
export class EndedRate {
  readonly #client: Client;
  #ends: { at: number; sagas: number }[] = [];
  /** Undefined: no stream stands. */
  #since: number | undefined;
  #isFollowing = false;
  #bug: { error: unknown } | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Null: not known, or not yet. Opens the stream where none stands. Throws a bug of ours that the stream has met. */
  read(now = Date.now()): number | null {
    if (this.#bug !== undefined) throw this.#bug.error;
    if (!this.#isFollowing) void this.#follow();
    if (this.#since === undefined || now - this.#since < shortestMs) return null;
    this.#ends = this.#ends.filter(({ at }) => now - at < windowMs);
    const ended = this.#ends.reduce((sum, { sagas }) => sum + sagas, 0);
    return (ended * 1_000) / Math.min(windowMs, now - this.#since);
  }

  async #follow(): Promise<void> {
    this.#isFollowing = true;
    try {
      for await (const event of this.#client.followChanges()) {
        this.#since ??= Date.now();
        this.#ends.push({ at: Date.now(), sagas: countEnded(event) });
      }
    } catch (error) {
      // Away, or of a version without events: no rate, and asked again at the next look.
      if (exitCodeOf(error) === undefined) this.#bug = { error };
    }
    this.#isFollowing = false;
    this.#since = undefined;
    this.#ends = [];
  }
}

const countEnded = ({ changed }: ChangesEvent): number =>
  sagaStatuses.filter(hasEnded).reduce((sum, status) => sum + (changed[status] ?? 0), 0);
