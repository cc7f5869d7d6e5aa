import type { LeftAlone, Repair } from '@reliable-ops/contracts';
import { groupKeyPrefix, nodesWith, type Divergence } from './divergence.ts';

/**
 * What repairs a group: what the log says, else what most nodes have. With as many on either side `prefer` decides; without
 * it the operator has to.
 */
export function planRepair(
  { groupId, expected, presence }: Divergence,
  prefer: 'present' | 'absent' | undefined,
): Repair | LeftAlone {
  const key = groupKeyPrefix + groupId;
  const having = nodesWith(presence, true);
  const lacking = nodesWith(presence, false);
  const repairTo = (present: boolean, because: string): Repair => ({
    key,
    change: present ? 'create' : 'delete',
    nodes: present ? lacking : having,
    because,
  });

  if (expected) {
    const verb = expected.present ? 'created' : 'deleted';
    return repairTo(expected.present, `saga ${expected.sagaId} ${verb} it`);
  }
  const present = having.length > lacking.length;
  if (having.length !== lacking.length)
    return repairTo(
      present,
      `no saga says it; ${(present ? having : lacking).join(' and ')} ${present ? 'have' : 'lack'} it`,
    );
  if (prefer) return repairTo(prefer === 'present', `no saga says it; --prefer ${prefer}`);
  return {
    key,
    reason: `${having.join(', ')} has it, ${lacking.join(', ')} lacks it, and no saga says which is right: --prefer present or --prefer absent decides`,
  };
}
