import type { Finding } from './check.ts';
import type { NodeRow, SagaState, State } from './state.ts';
import { groupBy } from './group-by.ts';

/** The nodes' own tables hold what the sagas say, key by key and node by node, and no token that the log did not draw. */
export function checkNodes({ sagas, nodes }: State): Finding[] {
  const findings: Finding[] = [];
  const sagasOf = groupBy(sagas, ({ groupId }) => groupId);
  for (const [node, rows] of Object.entries(nodes)) {
    const rowOf = new Map(rows.map((row) => [row.groupId, row]));
    const groupIds = new Set([...sagasOf.keys(), ...rowOf.keys()]);
    for (const groupId of groupIds)
      findings.push(...checkGroup(node, groupId, sagasOf.get(groupId) ?? [], rowOf.get(groupId)));
  }
  return findings;
}

function checkGroup(
  node: string,
  groupId: string,
  sagas: SagaState[],
  row: NodeRow | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const find = (promise: Finding['promise'], text: string) =>
    findings.push({ promise, text: `${groupId} on ${node}: ${text}` });
  const fenced = sagas.filter(({ fence }) => fence !== null).sort((a, b) => a.fence! - b.fence!);

  // In the order of their fences, each completed saga has met what the one before it had left.
  let present = false;
  let changes = 0;
  for (const saga of fenced.filter(({ status }) => status === 'completed')) {
    const output = saga.steps.find(({ name }) => name === node)?.output;
    const creates = saga.name === 'create-group';
    const expected = creates ? (present ? 'existed' : 'created') : present ? 'deleted' : 'absent';
    if (output !== expected)
      find(
        'P4',
        `saga ${saga.id} met "${String(output)}", in the order of the fences "${expected}"`,
      );
    if (present !== creates) changes++;
    present = creates;
  }
  if ((row?.present ?? false) !== present)
    find('P1', `is ${row?.present ? 'there' : 'not there'}, by the log it is the opposite`);

  // Each change raises the version by one; what was taken back has changed it twice at most.
  const takenBack = fenced.filter(({ status }) => status !== 'completed').length;
  const version = row?.version ?? 0;
  if (version < changes || version > changes + 2 * takenBack)
    find('P3', `was changed ${version} times, by the log ${changes} to ${changes + 2 * takenBack}`);

  const newest = fenced.at(-1);
  if (row?.fence != null && !fenced.some(({ fence }) => fence === row.fence))
    find('P5', `holds token [${row.fence}, ${row.phase}], which the log never drew for it`);
  const expected = newest && tokenOf(newest, node);
  if (expected && (row?.fence !== expected[0] || row.phase !== expected[1]))
    find(
      'P5',
      `holds token [${row?.fence}, ${row?.phase}], by its newest saga ${newest.id} it is [${expected.join(', ')}]`,
    );
  return findings;
}

/** The token that a saga has left on the node; undefined where it may have left none. */
function tokenOf({ fence, status, steps }: SagaState, node: string): [number, number] | undefined {
  const state = steps.find(({ name }) => name === node)?.state;
  if (status === 'completed') return [fence!, 0];
  return state === 'compensated' ? [fence!, 1] : undefined;
}
