import type { ClientSettings } from '../client.ts';

/** What the bench asks of a client process. */
export type Order =
  | { connect: string; settings: ClientSettings }
  | { change: 'create' | 'delete'; prefix: string; sagas: number }
  | { close: true };

/** What it answers to each. `seconds`: of the work alone. */
export type Answer = { latenciesMs: number[]; seconds: number } | { error: string };

export const idsOf = (prefix: string, sagas: number): string[] =>
  Array.from({ length: sagas }, (_, index) => `${prefix}${index}`);
