import { limits, sagaStatuses, type ChangesEvent, type SagaStatus } from '@reliable-ops/contracts';
import type { ChangedSagas } from '@reliable-ops/saga';

/** Sagas that are told apart between two events; more are counted only. */
const mostApart = 20_000;

/** What an event tells first when it cannot tell all: what went wrong, and then what is new. */
const byInterest: readonly string[] = [
  'compensating!',
  'compensating',
  'compensated',
  'cancelled',
  'resolved',
  'queued',
  'running',
  'completed',
];
const nameOf = ({ status, stuck }: Pick<ChangedSagas, 'status' | 'stuck'>): string =>
  stuck ? `${status}!` : status;
/** The lower, the sooner it is told. */
export const interestOf = (state: Pick<ChangedSagas, 'status' | 'stuck'>): number =>
  byInterest.indexOf(nameOf(state));

export const noneByStatus = (): ChangesEvent['changed'] =>
  Object.fromEntries(sagaStatuses.map((status) => [status, 0])) as ChangesEvent['changed'];

/** Sagas heard of since it was taken last: each once, in its last state. Bounded, whatever is heard. */
export class ChangeSet {
  #states = new Map<number, ChangedSagas>();
  #uncounted = noneByStatus();

  add(changed: ChangedSagas[]): void {
    for (const group of changed)
      for (const id of group.ids) {
        if (this.#states.has(id) || this.#states.size < mostApart) this.#states.set(id, group);
        else this.#uncounted[group.status]++;
      }
  }

  get isEmpty(): boolean {
    return this.#states.size === 0;
  }

  /** What was heard, in parts of one state each, the most interesting first; then nothing is left. */
  take(): { changed: ChangesEvent['changed']; parts: ChangedSagas[] } {
    const changed = this.#uncounted;
    const parts = new Map<string, ChangedSagas>();
    for (const [id, { status, stuck }] of this.#states) {
      changed[status]++;
      const name = nameOf({ status, stuck });
      const part = parts.get(name);
      if (part) part.ids.push(id);
      else parts.set(name, { status, stuck, ids: [id] });
    }
    this.#states = new Map();
    this.#uncounted = noneByStatus();
    const sorted = [...parts.values()].sort((one, other) => interestOf(one) - interestOf(other));
    return { changed, parts: sorted };
  }
}

/** Of what has changed, what one event can hold, and how many it leaves out. `status`: only those that were heard to have it. */
export function chooseSagas(
  { changed, parts }: ReturnType<ChangeSet['take']>,
  status: SagaStatus | undefined,
): { ids: number[]; left: number } {
  const ids: number[] = [];
  let all = 0;
  for (const part of parts) {
    if (status !== undefined && part.status !== status) continue;
    ids.push(...part.ids.slice(0, limits.eventSagas - ids.length));
  }
  for (const [name, count] of Object.entries(changed))
    if (status === undefined || name === status) all += count;
  return { ids, left: all - ids.length };
}
