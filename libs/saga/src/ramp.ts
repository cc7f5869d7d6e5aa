import type { CommandItem, Entry } from './command.ts';
import { chunk, entryCommands, headIdOf, type Randomness } from './entries.ts';

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
  const groups = new Map<string, { like: Entry; dueAt: number; items: CommandItem[] }>();
  for (const like of taken)
    for (const item of like.items) {
      const [sagaId] = item;
      const dueAt = Math.min(like.dueAt, dueBySaga.get(sagaId) ?? like.dueAt);
      if (dueAt < like.dueAt) hastened.add(sagaId);
      const group = `${headIdOf(like)}\n${dueAt}`;
      const known = groups.get(group);
      if (known) known.items.push(item);
      else groups.set(group, { like, dueAt, items: [item] });
    }
  const entries = [...groups.values()].flatMap(({ like, dueAt, items }) =>
    chunk(items, entryCommands).map((part) => ({ ...like, id: id(), items: part, dueAt })),
  );
  return { entries, hastened };
}
