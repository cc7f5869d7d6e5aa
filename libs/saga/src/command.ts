import type { Phase } from '@reliable-ops/contracts';
import type { Json } from './json.ts';

/** (fence, phase): phase 0 = prepare and action, 1 = compensation. A node refuses what is older than what it has seen. */
export type Token = [fence: number, phase: 0 | 1];

/** What a participant is told to do for one step of one saga. It crosses the queue as JSON. */
export interface Command {
  sagaId: number;
  /** The saga's lane. */
  key: string;
  step: string;
  phase: Phase;
  /** 1 for the first. */
  attempt: number;
  token: Token;
  data: Json;
  /** Trace context of its saga, where it has one. */
  traceparent?: string;
}

/** What all commands of an entry are. */
export interface CommandHead {
  participant: string;
  kind: string;
  step: string;
  phase: Phase;
  /** 1 for the first. */
  attempt: number;
}

/** What each has for itself. Short, for it is written into the outbox and into the job. */
export type CommandItem = [
  sagaId: number,
  key: string,
  fence: number,
  data: Json,
  /** Only of a saga that is traced. */
  traceparent?: string,
];

/** A row of the outbox, and the job that it owes, or its part of one. */
export interface Entry extends CommandHead {
  /** UUID. */
  id: string;
  items: CommandItem[];
  /** Milliseconds since 1970. */
  dueAt: number;
  /**
   * Siblings, entries of the same sagas in the same order, made together and due at the same time, share a job: its id, a UUID.
   * Default: it has a job of its own, under its own id.
   */
  job?: string;
}

/** A command as its participant gets it. */
export const commandOf = (
  { step, phase, attempt }: CommandHead,
  [sagaId, key, fence, data, traceparent]: CommandItem,
): Command => ({
  sagaId,
  key,
  step,
  phase,
  attempt,
  token: [fence, phase === 'compensation' ? 1 : 0],
  data,
  ...(traceparent === undefined ? {} : { traceparent }),
});

/**
 * What came of a command.
 * - applied: it has taken effect, now or before; `output` is what the node said of it.
 * - rejected: it has not, and trying again does not help.
 * - unknown: it may have. `broken`: by an answer that may not be given while its outbox row stands.
 */
export type Outcome =
  | { result: 'applied'; output?: Json }
  | { result: 'rejected'; error: string }
  | { result: 'unknown'; error: string; broken?: true };

/** Someone who carries out commands. */
export interface Participant {
  /**
   * All commands are of one `kind`; the answer has an outcome for each, in the same order.
   * Throwing means that the batch as a whole could not be handled: it comes back in halves.
   */
  run(kind: string, commands: Command[]): Promise<Outcome[]>;
}
