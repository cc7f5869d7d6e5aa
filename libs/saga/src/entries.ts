import type { Dispatch } from './advance.ts';
import type { CommandHead, CommandItem, Entry } from './command.ts';

/** Commands in one outbox row: one job, and at most this much of a call. Larger ones cost more when they come back. */
export const entryCommands = 500;

/** Chance and identity, passed in so that a simulation can repeat a run. */
export interface Randomness {
  /** In [0, 1). */
  random(): number;
  /** A new UUID. */
  id(): string;
}

/**
 * Groups commands into outbox rows: one head and one delay each. The delay is drawn once
 * a row, so that what failed together comes back together, as a smaller batch.
 */
export function groupIntoEntries(
  dispatches: Dispatch[],
  now: number,
  { random, id }: Randomness,
): Entry[] {
  const groups = new Map<string, Dispatch[]>();
  for (const dispatch of dispatches) {
    const group = `${headIdOf(dispatch.head)}\n${dispatch.backoffMs}`;
    const others = groups.get(group);
    if (others) others.push(dispatch);
    else groups.set(group, [dispatch]);
  }
  const entries = [...groups.values()].flatMap((group): Entry[] => {
    const { head, backoffMs } = group[0]!;
    return chunk(
      group.flatMap(({ items }) => items),
      entryCommands,
    ).map((items) => ({ ...head, id: id(), dueAt: now + Math.round(random() * backoffMs), items }));
  });
  return joinSiblings(entries);
}

/** Siblings share a job. */
function joinSiblings(entries: Entry[]): Entry[] {
  const neighbours = new Map<number, Entry[]>();
  for (const entry of entries) {
    const first = entry.items[0]![0];
    const others = neighbours.get(first);
    if (others) others.push(entry);
    else neighbours.set(first, [entry]);
  }
  return entries.map((entry) => {
    const siblings = neighbours
      .get(entry.items[0]![0])!
      .filter((other) => areSiblings(entry, other));
    return siblings.length === 1 ? entry : { ...entry, job: siblings[0]!.id };
  });
}

/** Entries by the job that they share. */
export function groupIntoJobs(entries: Entry[]): Entry[][] {
  const jobs = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = entry.job ?? entry.id;
    const siblings = jobs.get(id);
    if (siblings) siblings.push(entry);
    else jobs.set(id, [entry]);
  }
  return [...jobs.values()];
}

const areSiblings = (one: Entry, other: Entry): boolean =>
  one.dueAt === other.dueAt &&
  one.items.length === other.items.length &&
  one.items.every(([sagaId], n) => sagaId === other.items[n]![0]);

export const headIdOf = ({ participant, kind, step, phase, attempt }: CommandHead): string =>
  [participant, kind, step, phase, attempt].join('\n');

/** Milliseconds that the halves of a batch that failed as a whole wait. */
const splitDelayMs = 200;

/** A batch that could not be handled comes back in halves, until the one command that spoils it stands alone. */
export function splitEntry(
  { job: _job, ...entry }: Entry,
  now: number,
  { random, id }: Randomness,
): Entry[] {
  const middle = Math.ceil(entry.items.length / 2);
  return [entry.items.slice(0, middle), entry.items.slice(middle)].map((items: CommandItem[]) => ({
    ...entry,
    id: id(),
    dueAt: now + Math.round(random() * splitDelayMs),
    items,
  }));
}

export function chunk<T>(items: T[], size: number): T[][] {
  if (items.length <= size) return items.length === 0 ? [] : [items];
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
