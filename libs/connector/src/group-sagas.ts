import { defineSaga, type SagaDefinition, type StepDefinition } from '@reliable-ops/saga';
import { groupId } from '@reliable-ops/contracts';
import { z } from 'zod';

/** A node of the cluster, and what it speaks. */
export interface NodeOptions {
  name: string;
  protocol: 'fenced' | 'plain';
}

/** Kinds of commands; also the names of their jobs. */
export const kinds = { look: 'look', create: 'create', delete: 'delete', undo: 'undo' } as const;

/** Of a plain node an id is asked by its path, and every URL parser takes these two for directions. */
const asksByPath = (id: string): boolean => id !== '.' && id !== '..';

const groupInput = (nodes: NodeOptions[]) =>
  z.strictObject({
    groupId: nodes.some(({ protocol }) => protocol === 'plain')
      ? groupId.refine(asksByPath, 'must not be "." or "..": a plain node cannot be asked for them')
      : groupId,
  });
type GroupInput = z.infer<ReturnType<typeof groupInput>>;

/** What a command carries. `before`: only of a delete over the plain protocol, where the node keeps no before-image. */
export const groupData = z.object({
  groupId: z.string(),
  change: z.enum(['create', 'delete']),
  before: z.object({ present: z.boolean() }).optional(),
});
export type GroupData = z.infer<typeof groupData>;

/**
 * Sagas `create-group` and `delete-group`: the change on every node, or on none. Both have the key `group:<id>`.
 * Version 1 of the create looked at plain nodes first; it stays for those in flight.
 */
export function createGroupSagas(nodes: NodeOptions[]): SagaDefinition[] {
  const isPlain = nodes.some(({ protocol }) => protocol === 'plain');
  const define = (change: Change, version: number): SagaDefinition => {
    const data = dataOf(change);
    return defineSaga({
      name: `${change}-group`,
      version,
      input: groupInput(nodes),
      key: (input) => `group:${input.groupId}`,
      stages: [nodes.map((node) => ({ ...stepOn(node, change, version), data }))],
    });
  };
  const latest = [define('create', isPlain ? 2 : 1), define('delete', 1)];
  return isPlain ? [...latest, define('create', 1)] : latest;
}

type Change = GroupData['change'];

/**
 * A plain node is looked at before a delete: a delete whose answer was lost and one that found nothing are answered alike (404)
 * when sent again, and only one of them is to be put back. What a create has made carries its timestamp, so that its undo
 * needs to know nothing of before.
 */
function stepOn(
  { name, protocol }: NodeOptions,
  change: Change,
  version: number,
): StepDefinition<GroupInput> {
  const looksFirst = protocol === 'plain' && (change === 'delete' || version === 1);
  return {
    name,
    participant: name,
    ...(looksFirst ? { prepare: kinds.look } : {}),
    action: kinds[change],
    compensation: kinds.undo,
  };
}

/** One function for all nodes: what it answers is made once for all of them. */
const dataOf =
  (change: Change): NonNullable<StepDefinition<GroupInput>['data']> =>
  ({ input, before }) => ({
    groupId: input.groupId,
    change,
    ...(before === undefined ? {} : { before }),
  });

/**
 * The ownership timestamp of a saga's records, in seconds: its fence, which no other saga has. Fences count from
 * the time in microseconds (libs/database/migrations), so it looks like the time of the change.
 */
export const ownershipTimestamp = (fence: number): number => fence / 1e6;
/** Of a record that an undo restores: between this saga's and the next one's (doubles of this size are 2.4e-7 apart). */
export const restoredTimestamp = (fence: number): number => (fence + 0.5) / 1e6;
