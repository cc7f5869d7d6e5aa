import { checkEnds } from './check-ends.ts';
import { checkNodes } from './check-nodes.ts';
import { checkRecord } from './check-record.ts';
import type { RequestRecord } from './client.ts';
import type { State } from './state.ts';

/** A promise that was not kept. */
export interface Finding {
  promise: 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P7';
  text: string;
}

/** Holds the client's record, the log and the nodes' own tables against each other. For a system at rest: every saga should have ended. */
export function check(state: State, record: RequestRecord[]): Finding[] {
  return [...checkRecord(state, record), ...checkEnds(state), ...checkNodes(state)];
}
