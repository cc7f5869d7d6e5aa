import type { ClientSettings } from '../client.ts';

/** What the bench asks of a client process. */
export type Order =
  | { connect: string; settings: ClientSettings }
  | { change: 'create' | 'delete'; prefix: string; sagas: number }
  | { offer: Offer }
  | { close: true };

/** Batches sent at their time, whether or not those before them were answered. */
export interface Offer {
  /** Sagas a second. */
  rate: number;
  seconds: number;
}

/** What came of an offer. */
export interface Offered {
  /** Numbers of the batches that were accepted; `idsOfBatch` are their groups. */
  accepted: number[];
  /** Batches by the second in which they were sent. */
  bySecond: { offered: number; accepted: number; refused: number }[];
  /** Batches that had no answer at first, and had to be asked for again to know. */
  askedAgain: number;
}

/** Sagas in one batch of an offer, as `rops create` sends them. */
export const offeredTogether = 1_000;
export const idsOfBatch = (batch: number): string[] => idsOf(`o${batch}-`, offeredTogether);

/** What it answers to each. `seconds`: of the work alone. */
export type Answer =
  { latenciesMs: number[]; seconds: number; offered?: Offered } | { error: string };

export const idsOf = (prefix: string, sagas: number): string[] =>
  Array.from({ length: sagas }, (_, index) => `${prefix}${index}`);
