import { z } from 'zod';
import {
  defaultPolicy,
  defineSaga,
  newSteps,
  type Rules,
  type Saga,
  type SagaDefinition,
  type SagaPolicy,
  type StepDefinition,
} from '../src/index.ts';

/** A saga that makes the same change of the record `id` on each node at once, and then goes through the later stages. */
export const defineChange = (
  change: 'create' | 'delete',
  nodes: string[],
  ...later: StepDefinition[][]
): SagaDefinition =>
  defineSaga({
    name: `${change}-thing`,
    version: 1,
    input: z.object({ id: z.string() }),
    key: ({ id }) => id,
    stages: [
      nodes.map((name) => ({ name, participant: name, action: change, compensation: 'undo' })),
      ...(later as StepDefinition<{ id: string }>[][]),
    ],
  });

/** That many ids: g0, g1, ... */
export const idsOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `g${n}`);

/** Stages of steps; each step s<stage>-<n> runs on a participant of its own name. */
export type Shape = { prepares: boolean }[][];

export function rulesFor(shape: Shape, policy: Partial<SagaPolicy> = {}): Rules {
  const definition = defineSaga({
    name: 'test',
    version: 1,
    input: z.object({ id: z.string() }),
    key: ({ id }) => id,
    stages: shape.map((steps, stage) =>
      steps.map(({ prepares }, n) => ({
        name: `s${stage}-${n}`,
        participant: `s${stage}-${n}`,
        ...(prepares ? { prepare: 'look' } : {}),
        action: 'do',
        compensation: 'undo',
        data: ({ before }) => ({ before: before ?? null }),
      })),
    ),
  });
  return { definition, policy: { ...defaultPolicy, ...policy } };
}

export const newSaga = ({ definition }: Rules): Saga => ({
  id: 1,
  batchId: null,
  traceparent: null,
  name: definition.name,
  version: definition.version,
  key: 'k',
  input: { id: 'k' },
  status: 'queued',
  stuck: false,
  cancelled: false,
  fence: null,
  steps: newSteps(definition),
  error: null,
  history: [],
  acceptedAt: 0,
  startedAt: null,
  deadlineAt: null,
  endedAt: null,
});
