import type { VerifyFinding } from '@reliable-ops/contracts';
import type { LaneState } from '@reliable-ops/saga';

export const groupKeyPrefix = 'group:';

/** What the log says of a group; null: nothing, so its nodes are only compared with each other. */
export type Expectation = { present: boolean; sagaId: number } | null;

/** Which of the nodes that answered have a group. */
export type Presence = ReadonlyMap<string, boolean>;

/** A group that the nodes do not have as they should, looked at twice, with no saga in flight on its key. */
export interface Divergence {
  groupId: string;
  /** The newest saga of its key in the log; null: there is none. */
  lastSagaId: number | null;
  expected: Expectation;
  presence: Presence;
}

const sagaNames: Record<string, boolean> = { 'create-group': true, 'delete-group': false };

/** The completed saga with the greatest fence decides; not where an operator has since resolved one by hand. */
export function expectationOf(lane: LaneState | undefined): Expectation {
  const decisive = lane?.decisive;
  const present = decisive?.status === 'completed' ? sagaNames[decisive.name] : undefined;
  return present === undefined ? null : { present, sagaId: decisive!.sagaId };
}

export function isAsItShouldBe(expected: Expectation, presence: Presence): boolean {
  let first = expected?.present;
  for (const present of presence.values()) {
    first ??= present;
    if (present !== first) return false;
  }
  return true;
}

/** One finding a node that is wrong; one for the group where the nodes differ and nobody says which is right. */
export function findingsOf({ groupId, expected, presence }: Divergence): VerifyFinding[] {
  const key = groupKeyPrefix + groupId;
  if (expected === null) {
    const having = nodesWith(presence, true);
    const found = `on ${having.join(', ')}, not on ${nodesWith(presence, false).join(', ')}`;
    const wanted = 'the same on all nodes';
    return [{ promise: 'P1', key, node: null, expected: wanted, found, sagaId: null }];
  }
  return nodesWith(presence, !expected.present).map((node) => ({
    promise: 'P1',
    key,
    node,
    expected: expected.present ? 'present' : 'absent',
    found: expected.present ? 'absent' : 'present',
    sagaId: String(expected.sagaId),
  }));
}

export const nodesWith = (presence: Presence, present: boolean): string[] =>
  [...presence].filter(([, has]) => has === present).map(([node]) => node);
