import { createBatcher, type Batcher } from './batcher.ts';
import { commandOf, type Entry, type Outcome, type Participant } from './command.ts';
import type { EntryResult } from './commit.ts';
import { BrokenInvariantError, DefinitionError } from './errors.ts';
import type { EngineObserver } from './observer.ts';

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
  observer?: EngineObserver,
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
      run: (entries) => runTogether(participant, { name, kind, entries, clock, observer }),
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

interface Call {
  /** The participant's. */
  name: string;
  kind: string;
  entries: Entry[];
  clock(): number;
  observer: EngineObserver | undefined;
}

async function runTogether(
  participant: Participant,
  { name, kind, entries, clock, observer }: Call,
): Promise<EntryResult[]> {
  const startedAt = clock();
  const since = performance.now();
  const commands = entries.flatMap((entry) => entry.items.map((item) => commandOf(entry, item)));
  const tell = (outcomes: Outcome[] | { failure: string }): void =>
    observer?.called?.({
      participant: name,
      kind,
      commands,
      outcomes,
      tookMs: performance.now() - since,
    });
  let outcomes: Outcome[];
  try {
    outcomes = await participant.run(kind, commands);
  } catch (error) {
    tell({ failure: messageOf(error) });
    throw error;
  }
  tell(outcomes);
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
