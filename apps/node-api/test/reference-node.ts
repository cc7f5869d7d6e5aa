import type { Operation, OperationOutcome } from '@reliable-ops/contracts';

/** The fence table of the fenced protocol, written plainly, for one record that only sees tokens in rising order. */
export interface ReferenceRecord {
  present: boolean;
  timestamp: number | null;
  version: number;
  action: {
    fence: number;
    outcome: OperationOutcome;
    before: Pick<ReferenceRecord, 'present' | 'timestamp'>;
  } | null;
}

export const newRecord = (): ReferenceRecord => ({
  present: false,
  timestamp: null,
  version: 0,
  action: null,
});

export function applyToReference(record: ReferenceRecord, operation: Operation): OperationOutcome {
  const before = { present: record.present, timestamp: record.timestamp };
  const write = (present: boolean, timestamp: number | null): void => {
    Object.assign(record, { present, timestamp, version: record.version + 1 });
  };
  const [fence] = operation.token;
  if (operation.op === 'undo') {
    const held = record.action;
    record.action = null;
    if (held?.fence !== fence || !['created', 'deleted'].includes(held.outcome)) return 'nothing';
    write(held.before.present, held.before.timestamp);
    return 'restored';
  }
  const wanted = operation.op === 'create';
  const outcome = wanted
    ? before.present
      ? 'existed'
      : 'created'
    : before.present
      ? 'deleted'
      : 'absent';
  if (before.present !== wanted) write(wanted, wanted ? operation.timestamp : null);
  record.action = { fence, outcome, before };
  return outcome;
}
