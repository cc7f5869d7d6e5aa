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
  /** Another process has handed it over: its items are those of a sibling, with that one's data. */
  isBorrowed?: true;
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

/**
 * As text, for whoever has a sibling of the entry: that one has the same sagas, so the items are left out, and what is left is
 * mostly a line.
 */
export function writeResult({ entry, startedAt, attempts }: EntryResult): string {
  const { items, ...head } = entry;
  if (!Array.isArray(attempts))
    throw new TypeError('a batch that could not be handled has to be halved');
  const places = new Map(items.map((item, place) => [item, place]));
  const written: WrittenResult = {
    head,
    count: items.length,
    startedAt,
    attempts: attempts.map(({ number, startedAt: since, items: own, outcomes }) => {
      const { kinds, of } = tellApart(outcomes);
      return {
        number,
        startedAt: since,
        kinds,
        ...(kinds.length === 1 ? {} : { of }),
        ...(own === items ? {} : { places: own.map((item) => places.get(item)!) }),
      };
    }),
  };
  return JSON.stringify(written);
}

/** Undefined where it is not of a sibling. */
export function readResult(text: string, sibling: Entry): EntryResult | undefined {
  const { head, count, startedAt, attempts } = JSON.parse(text) as WrittenResult;
  const { items } = sibling;
  if (count !== items.length) return undefined;
  return {
    entry: { ...head, items },
    startedAt,
    attempts: attempts.map(({ number, startedAt: since, kinds, of, places }) => {
      const own = places?.map((place) => items[place]!) ?? items;
      return {
        number,
        startedAt: since,
        items: own,
        outcomes: own.map((_, n) => kinds[of?.[n] ?? 0]!),
      };
    }),
    isBorrowed: true,
  };
}

interface WrittenResult {
  head: Omit<Entry, 'items'>;
  /** Of its items. */
  count: number;
  startedAt: number;
  attempts: WrittenAttempt[];
}

interface WrittenAttempt extends Pick<Attempt, 'number' | 'startedAt'> {
  /** Different outcomes. */
  kinds: Outcome[];
  /** Which of them each item has; default: the first. */
  of?: number[];
  /** Its items among the entry's; default: all of them. */
  places?: number[];
}
