import type { CommandItem, Entry, Outcome } from './command.ts';

/** One attempt at an entry's commands, or at those of them that the attempt before has left. */
export interface Attempt {
  /** 1 for the first. */
  number: number;
  startedAt: number;
  items: CommandItem[];
  /** One for each item. */
  outcomes: Outcome[];
}

/** What came of an entry: the attempts at its commands, one after another, or why the batch as a whole could not be handled. */
export interface EntryResult {
  entry: Entry;
  /** When its commands were handed to the participant. */
  startedAt: number;
  attempts: Attempt[] | { failure: string };
}

/** The different ones among outcomes (most are alike), and for each which of them it is. */
export function tellApart(outcomes: Outcome[]): { kinds: Outcome[]; of: number[] } {
  const kinds: Outcome[] = [];
  /** By the object, which participants may share, or else by its text. */
  const places = new Map<Outcome | string, number>();
  const of = outcomes.map((outcome) => {
    const known = places.get(outcome);
    if (known !== undefined) return known;
    const told = JSON.stringify(outcome);
    const place = places.get(told) ?? kinds.push(outcome) - 1;
    places.set(told, place).set(outcome, place);
    return place;
  });
  return { kinds, of };
}
