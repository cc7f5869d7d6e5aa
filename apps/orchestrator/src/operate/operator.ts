import type { OperatorBody } from '@reliable-ops/contracts';
import type { Operator } from '@reliable-ops/saga';

/** Who it was, where he does not say. */
const nobody = 'not said';

export const operatorOf = ({ by = nobody, note }: OperatorBody): Operator => ({
  by,
  note: note ?? null,
});
