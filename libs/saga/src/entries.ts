import type { Command, DirectedCommand, Entry } from './command.ts';

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
 * Groups commands into outbox rows: one participant, one kind and one delay each. The delay is drawn once
 * a row, so that what failed together comes back together, as a smaller batch.
 */
export function groupIntoEntries(
  commands: DirectedCommand[],
  now: number,
  { random, id }: Randomness,
): Entry[] {
  const groups = new Map<string, DirectedCommand[]>();
  for (const directed of commands) {
    const group = `${directed.participant}\n${directed.kind}\n${directed.backoffMs}`;
    const members = groups.get(group);
    if (members) members.push(directed);
    else groups.set(group, [directed]);
  }
  return [...groups.values()].flatMap((members) =>
    chunk(members, entryCommands).map((part) => {
      const { participant, kind, backoffMs } = part[0]!;
      const dueAt = now + Math.round(random() * backoffMs);
      return { id: id(), participant, kind, dueAt, commands: part.map(({ command }) => command) };
    }),
  );
}

/** Milliseconds that the halves of a batch that failed as a whole wait. */
const splitDelayMs = 200;

/** A batch that could not be handled comes back in halves, until the one command that spoils it stands alone. */
export function splitEntry(entry: Entry, now: number, { random, id }: Randomness): Entry[] {
  const middle = Math.ceil(entry.commands.length / 2);
  return [entry.commands.slice(0, middle), entry.commands.slice(middle)].map(
    (commands: Command[]) => ({
      id: id(),
      participant: entry.participant,
      kind: entry.kind,
      dueAt: now + Math.round(random() * splitDelayMs),
      commands,
    }),
  );
}

export function chunk<T>(items: T[], size: number): T[][] {
  if (items.length <= size) return items.length === 0 ? [] : [items];
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
