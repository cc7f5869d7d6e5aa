import type {
  Json,
  Registry,
  SagaDefinition,
  SagaPolicy,
  StepDefinition,
} from '@reliable-ops/saga';
import { z } from 'zod';
import type { Kind } from './node.ts';

/** The engine under test: the real one, or a mutant of it. */
export type EngineModule = Pick<
  typeof import('@reliable-ops/saga'),
  'createEngine' | 'createRecovery' | 'createRegistry' | 'defineSaga' | 'readJob' | 'writeJob'
>;

export const nodeNames = ['a', 'b', 'c'] as const;

/** What a saga wants of the record of its key, on every node that it has a step for. */
type Goal = 'present' | 'absent' | 'own';

/** A step of the simulation's sagas, from which both the definition and what is expected of it are made. */
interface PlannedStep {
  node: (typeof nodeNames)[number];
  prepare?: Kind;
  action: Kind;
  compensation?: Kind;
}
export interface PlannedSaga {
  name: string;
  goal: Goal;
  stages: PlannedStep[][];
}

const step = (action: Kind, node: PlannedStep['node']): PlannedStep => ({
  node,
  action,
  compensation: 'undo',
});
const prepared = (node: PlannedStep['node']): PlannedStep => ({
  node,
  prepare: 'look',
  action: 'set',
  compensation: 'restore',
});

export const plannedSagas: PlannedSaga[] = [
  { name: 'create', goal: 'present', stages: [nodeNames.map((node) => step('create', node))] },
  { name: 'delete', goal: 'absent', stages: [nodeNames.map((node) => step('delete', node))] },
  {
    name: 'create-in-stages',
    goal: 'present',
    stages: [[step('create', 'a')], [step('create', 'b'), step('create', 'c')]],
  },
  {
    name: 'delete-in-stages',
    goal: 'absent',
    stages: [[step('delete', 'b'), step('delete', 'a')], [step('delete', 'c')]],
  },
  { name: 'set', goal: 'own', stages: [[prepared('b'), prepared('c')], [prepared('a')]] },
  // Its first step has nothing to take back.
  {
    name: 'notify',
    goal: 'own',
    stages: [[{ node: 'a', action: 'notify' }, prepared('b')], [prepared('c')]],
  },
];
const plans = new Map(plannedSagas.map((plan) => [plan.name, plan]));
export const planOf = (saga: string): PlannedSaga => plans.get(saga)!;

export interface Definitions {
  registry: Registry;
  byName: Map<string, SagaDefinition>;
}

/** One function, so that siblings share what it makes. */
const dataOf: NonNullable<StepDefinition<{ key: string }>['data']> = ({ input, before, outputs }) =>
  ({ key: input.key, before: before ?? null, outputs: { ...outputs } }) as Json;

export function defineSagas(engine: EngineModule, policy: Partial<SagaPolicy>): Definitions {
  const definitions = plannedSagas.map(({ name, stages }) =>
    engine.defineSaga({
      name,
      version: 1,
      input: z.object({ key: z.string() }),
      key: ({ key }) => key,
      stages: stages.map((steps) =>
        steps.map(({ node, ...kinds }): StepDefinition<{ key: string }> => ({
          name: node,
          participant: node,
          ...kinds,
          data: dataOf,
        })),
      ),
    }),
  );
  return {
    registry: engine.createRegistry(definitions, policy),
    byName: new Map(definitions.map((definition) => [definition.name, definition])),
  };
}
