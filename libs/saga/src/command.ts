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
}

/** A command on its way out of `advance`: to whom, as what, and how long at most it may wait. */
export interface DirectedCommand {
  participant: string;
  kind: string;
  /** The delay is drawn between 0 and this; 0: at once. */
  backoffMs: number;
  command: Command;
}

/** A row of the outbox, and the job that it owes: commands of one kind for one participant. */
export interface Entry {
  /** UUID; also the job's id. */
  id: string;
  participant: string;
  kind: string;
  commands: Command[];
  /** Milliseconds since 1970. */
  dueAt: number;
}

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
  run(kind: string, commands: Command[], signal?: AbortSignal): Promise<Outcome[]>;
}
