import { hasEnded, type VerifyFinding } from '@reliable-ops/contracts';
import type { Registry } from '../definition.ts';
import { DefinitionError } from '../errors.ts';
import type { LoggedSaga, LoggedStep } from './verify-log.ts';

/** A finding that has to be looked at again: its sagas were perhaps read at different moments. */
export interface Suspect {
  /** Names the check and the sagas: the same one, found again, has the same. */
  id: string;
  sagaIds: number[];
  finding: VerifyFinding;
}

/** Which steps of a compensated saga had to be taken back. */
export type HasCompensation = (saga: Pick<LoggedSaga, 'name' | 'version'>, step: string) => boolean;

/**
 * Judges sagas that come in the order (key, id), one by one: that fences grow along a lane, that one saga at most is at
 * work in it, and that the steps of an ended saga say the same as its status. Remembers two sagas, not a lane.
 */
export function createLaneJudge(hasCompensation: HasCompensation): (saga: LoggedSaga) => Suspect[] {
  let fenced: LoggedSaga | undefined;
  let working: LoggedSaga | undefined;

  return (saga) => {
    const suspects: Suspect[] = [];
    if (fenced?.key !== saga.key) fenced = undefined;
    if (working?.key !== saga.key) working = undefined;
    const { fence, status } = saga;
    if (fence === null && hadItsLane(saga))
      suspects.push(suspectOf(saga, 'fence', 'P4', `a fence: the saga is ${status}`, 'none'));
    if (fence !== null && fenced && fence <= fenced.fence!)
      suspects.push(
        suspectOf(
          saga,
          'order',
          'P4',
          `a fence above ${fenced.fence}, that of saga ${fenced.id} before it`,
          `${fence}`,
          fenced,
        ),
      );
    if (isAtWork(saga) && working)
      suspects.push(
        suspectOf(
          saga,
          'alone',
          'P4',
          `one saga at work in the lane, which is ${working.id}`,
          `saga ${saga.id} is ${status} beside it`,
          working,
        ),
      );
    if (hasEnded(status) !== saga.hasEndTime)
      suspects.push(
        suspectOf(
          saga,
          'end',
          'P7',
          saga.hasEndTime ? 'a saga that has ended, as its end time says' : 'an end time',
          saga.hasEndTime ? `it is ${status}` : `none, and it is ${status}`,
        ),
      );
    const wrong = saga.steps.filter((step) => !fits(saga, step, hasCompensation));
    if (wrong.length > 0)
      suspects.push(
        suspectOf(
          saga,
          'steps',
          'P1',
          `steps of a saga that is ${status}`,
          wrong.map(({ name, state }) => `${name} is ${state}`).join(', '),
        ),
      );

    if (fence !== null) fenced = saga;
    if (isAtWork(saga)) working = saga;
    return suspects;
  };
}

function suspectOf(
  saga: LoggedSaga,
  check: string,
  promise: VerifyFinding['promise'],
  expected: string,
  found: string,
  before?: LoggedSaga,
): Suspect {
  const { id, key } = saga;
  const sagaIds = before ? [before.id, id] : [id];
  const finding = { promise, key, node: null, expected, found, sagaId: String(id) };
  return { id: `${check} ${sagaIds.join(' ')}`, sagaIds, finding };
}

const isAtWork = ({ status }: LoggedSaga): boolean =>
  status === 'running' || status === 'compensating';

/** A cancelled saga may have been cancelled before its turn came. */
const hadItsLane = ({ status }: LoggedSaga): boolean =>
  status !== 'queued' && status !== 'cancelled';

/** Whether the step may be in its state now that the saga is in its own. An operator vouches for what he has resolved. */
function fits(saga: LoggedSaga, step: LoggedStep, hasCompensation: HasCompensation): boolean {
  switch (saga.status) {
    case 'completed':
      return step.state === 'applied';
    case 'compensated':
    case 'cancelled':
      if (step.state === 'compensated' || step.state === 'skipped') return true;
      if (step.state === 'failed' && !step.uncertain) return true;
      if (step.state !== 'applied' && step.state !== 'failed') return false;
      return !hasCompensation(saga, step.name);
    case 'queued':
      return step.state === 'pending';
    default:
      return true;
  }
}

/** By the definitions that this process knows. Of a version that it does not know nothing is held against a step. */
export const compensationsOf =
  (registry: Registry): HasCompensation =>
  ({ name, version }, step) => {
    try {
      const { steps } = registry.get(name, version);
      return steps.find((one) => one.name === step)?.compensation !== undefined;
    } catch (error) {
      if (error instanceof DefinitionError) return false;
      throw error;
    }
  };
