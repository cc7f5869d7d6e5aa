import { closeAttempts } from './backoff.ts';
import { createBatcher, type Batcher } from './batcher.ts';
import { commandOf, type Entry, type Outcome, type Participant } from './command.ts';
import type { Attempt, EntryResult } from './entry-result.ts';
import { BrokenInvariantError, DefinitionError } from './errors.ts';
import type { EngineObserver } from './observer.ts';

/** Commands in one call of a participant. */
const runWeight = 1_000;
/** Calls of one kind at one participant at once: one that hangs does not hold up the next. */
const runConcurrency = 2;

/** Past this many milliseconds nothing is tried again at once: all that came of the entry so far waits for it. */
const atOnceMs = 1_000;

export interface Runner {
  run(entry: Entry): Promise<EntryResult>;
  idle(): Promise<void>;
}

export interface RunnerOptions {
  participants: Record<string, Participant>;
  /** Where fewer attempts are allowed than follow each other closely: so many. */
  stepAttempts: number;
  clock(): number;
  observer?: EngineObserver | undefined;
}

/**
 * Hands entries to their participants: the entries of one kind that wait at the same time share a call. When
 * that call throws, each entry is tried by itself; one that throws then is an entry that cannot be handled as a whole.
 *
 * As long as a participant carries out some of an entry's commands, the others are tried again at once: most failures are of
 * one command, and another attempt that has to be written, queued and read first costs many times as much. Where it
 * carries out none, waiting helps more, and that is the log's affair.
 */
export function createRunner({
  participants,
  stepAttempts,
  clock,
  observer,
}: RunnerOptions): Runner {
  const batchers = new Map<string, Batcher<Entry, Attempt>>();

  const batcherOf = ({ participant: name, kind }: Entry): Batcher<Entry, Attempt> => {
    const id = `${name}\n${kind}`;
    const known = batchers.get(id);
    if (known) return known;
    const participant = participants[name];
    if (!participant) throw new DefinitionError(`no participant "${name}" in this process`);
    const batcher = createBatcher<Entry, Attempt>({
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
      const attempts: Attempt[] = [];
      try {
        for (let left = entry; ;) {
          const attempt = await batcherOf(entry).submit(left);
          attempts.push(attempt);
          const failed = left.items.filter((_, n) => mayHelpAtOnce(attempt.outcomes[n]!));
          const isLast =
            attempt.number >= Math.min(stepAttempts, closeAttempts) ||
            clock() - startedAt > atOnceMs;
          if (isLast || failed.length === 0 || failed.length === left.items.length) break;
          left = { ...left, attempt: left.attempt + 1, items: failed };
        }
      } catch (error) {
        if (error instanceof DefinitionError) throw error;
        // What has been attempted stands: it is the next attempt that could not be made.
        if (attempts.length === 0)
          return { entry, startedAt, attempts: { failure: messageOf(error) } };
      }
      return { entry, startedAt, attempts };
    },
    async idle() {
      await Promise.all([...batchers.values()].map((batcher) => batcher.idle()));
    },
  };
}

const mayHelpAtOnce = (outcome: Outcome): boolean =>
  outcome.result === 'unknown' && !outcome.broken;

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
): Promise<Attempt[]> {
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
    return { number: entry.attempt, startedAt, items: entry.items, outcomes: own };
  });
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
