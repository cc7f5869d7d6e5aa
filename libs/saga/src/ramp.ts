import type { Command, Entry } from './command.ts';
import { chunk, entryCommands, type Randomness } from './entries.ts';

/** When the `index`-th saga may be tried, in milliseconds since 1970. */
export type DueOf = (index: number, now: number) => number;

/** At most `perSecond` sagas in each second, the first at once. */
export const rampOf =
  (perSecond: number): DueOf =>
  (index, now) =>
    now + Math.floor(index / perSecond) * 1_000;

/**
 * The commands of `taken` in new entries, due when their saga's turn is and never later than they were.
 * `hastened`: sagas for which that is earlier.
 */
export function respread(
  taken: Entry[],
  dueBySaga: Map<number, number>,
  { id }: Pick<Randomness, 'id'>,
): { entries: Entry[]; hastened: Set<number> } {
  const hastened = new Set<number>();
  const groups = new Map<string, { like: Entry; dueAt: number; commands: Command[] }>();
  for (const like of taken)
    for (const command of like.commands) {
      const dueAt = Math.min(like.dueAt, dueBySaga.get(command.sagaId) ?? like.dueAt);
      if (dueAt < like.dueAt) hastened.add(command.sagaId);
      const group = `${like.participant}\n${like.kind}\n${dueAt}`;
      const known = groups.get(group);
      if (known) known.commands.push(command);
      else groups.set(group, { like, dueAt, commands: [command] });
    }
  const entries = [...groups.values()].flatMap(({ like, dueAt, commands }) =>
    chunk(commands, entryCommands).map((part) => ({
      id: id(),
      participant: like.participant,
      kind: like.kind,
      commands: part,
      dueAt,
    })),
  );
  return { entries, hastened };
}
