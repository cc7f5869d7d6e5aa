import { createBatcher, type Batcher } from './batcher.ts';
import { commandOf, type Entry, type Outcome, type Participant } from './command.ts';
import type { EntryResult } from './commit.ts';
import { BrokenInvariantError, DefinitionError } from './errors.ts';

/** Commands in one call of a participant. */
const runWeight = 1_000;
/** Calls of one kind at one participant at once: one that hangs does not hold up the next. */
const runConcurrency = 2;

export interface Runner {
  run(entry: Entry): Promise<EntryResult>;
  idle(): Promise<void>;
}

/**
 * Hands entries to their participants: the entries of one kind that wait at the same time share a call. When
 * that call throws, each entry is tried by itself; one that throws then is an entry that cannot be handled as a whole.
 */
export function createRunner(
  participants: Record<string, Participant>,
  clock: () => number,
): Runner {
  const batchers = new Map<string, Batcher<Entry, EntryResult>>();

  const batcherOf = ({ participant: name, kind }: Entry): Batcher<Entry, EntryResult> => {
    const id = `${name}\n${kind}`;
    const known = batchers.get(id);
    if (known) return known;
    const participant = participants[name];
    if (!participant) throw new DefinitionError(`no participant "${name}" in this process`);
    const batcher = createBatcher<Entry, EntryResult>({
      maxWeight: runWeight,
      concurrency: runConcurrency,
      weightOf: ({ items }) => items.length,
      isFaultOfOne: () => true,
      run: (entries) => runTogether(participant, kind, entries, clock),
    });
    batchers.set(id, batcher);
    return batcher;
  };

  return {
    async run(entry) {
      const startedAt = clock();
      try {
        return await batcherOf(entry).submit(entry);
      } catch (error) {
        if (error instanceof DefinitionError) throw error;
        return { entry, startedAt, outcomes: { failure: messageOf(error) } };
      }
    },
    async idle() {
      await Promise.all([...batchers.values()].map((batcher) => batcher.idle()));
    },
  };
}

async function runTogether(
  participant: Participant,
  kind: string,
  entries: Entry[],
  clock: () => number,
): Promise<EntryResult[]> {
  const startedAt = clock();
  const commands = entries.flatMap((entry) => entry.items.map((item) => commandOf(entry, item)));
  const outcomes = await participant.run(kind, commands);
  if (outcomes.length !== commands.length)
    throw new BrokenInvariantError(
      `a participant answered ${outcomes.length} outcomes to ${commands.length} commands`,
    );
  let from = 0;
  return entries.map((entry) => {
    const own: Outcome[] = outcomes.slice(from, from + entry.items.length);
    from += entry.items.length;
    return { entry, startedAt, outcomes: own };
  });
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
