import type { z } from 'zod';
import type { Phase } from '@reliable-ops/contracts';
import { DefinitionError } from './errors.ts';
import type { Json } from './json.ts';
import { stagesQueue } from './queue.ts';

/** What a step may look at when it says what its command carries. */
export interface StepContext<Input = Json> {
  input: Input;
  phase: Phase;
  /** What `prepare` answered; undefined where the step has none, or before it ran. */
  before: Json | undefined;
  /** What this step's action answered; undefined until it has been applied. */
  output: Json | undefined;
  /** Outputs of the steps that have been applied so far, by step name. */
  outputs: Readonly<Record<string, Json>>;
}

/** One change on one participant, and how it is taken back. At most one step per participant and record. */
export interface StepDefinition<Input = Json> {
  /** Unique within the saga. */
  name: string;
  /** Who carries it out: the name of a participant, and of its queue. */
  participant: string;
  /** Kind of a read-only command whose answer is committed before the action runs (the before-image). */
  prepare?: string;
  /** Kind of the command that makes the change. */
  action: string;
  /** Kind of the command that takes it back. Leave it out only where there is nothing to take back. */
  compensation?: string;
  /** What the command carries besides its token: small, JSON, no secrets (it is shown on Bull Board). Default: the input. */
  data?(context: StepContext<Input>): Json;
}

export interface SagaPolicy {
  /** Attempts of an action before the saga turns back. */
  stepAttempts: number;
  /** Milliseconds from getting its lane, after which a failing saga turns back instead of trying again. */
  deadlineMs: number;
  /** Failed attempts of a compensation after which the saga is flagged `stuck` (it goes on trying). */
  stuckAfter: number;
}
export const defaultPolicy: SagaPolicy = { stepAttempts: 15, deadlineMs: 600_000, stuckAfter: 13 };

export interface SagaOptions<Schema extends z.ZodType> {
  name: string;
  /** Raise it when stages or their meaning change; register the old version beside the new one until its sagas have ended. */
  version: number;
  input: Schema;
  /** The lane: sagas of one key take effect one after another. It must cover every record that the steps touch. */
  key(input: z.infer<Schema>): string;
  /** Steps of one stage run at the same time, stages one after another. */
  stages: StepDefinition<z.infer<Schema>>[][];
  policy?: Partial<SagaPolicy>;
}

/** A step with its stage, as the engine sees it. */
export interface StagedStep extends StepDefinition {
  stage: number;
}

export interface SagaDefinition {
  name: string;
  version: number;
  input: z.ZodType;
  key(input: Json): string;
  steps: StagedStep[];
  stages: number;
  policy: Partial<SagaPolicy>;
}

/** Checks a definition once, when the process starts. Throws DefinitionError. */
export function defineSaga<Schema extends z.ZodType>(options: SagaOptions<Schema>): SagaDefinition {
  const { name, version, input, key, stages, policy = {} } = options;
  const refuse = (why: string): never => {
    throw new DefinitionError(`saga "${name}": ${why}`);
  };
  if (!/^[a-z][a-z0-9-]*$/.test(name)) refuse('its name must be lower-case words joined by dashes');
  if (!Number.isInteger(version) || version < 1)
    refuse('its version must be a whole number from 1');
  if (stages.length === 0 || stages.some((stage) => stage.length === 0))
    refuse('it needs at least one stage, and each stage at least one step');
  // The input type ends here: inside the engine inputs are JSON that this definition's schema has accepted.
  const steps = stages.flatMap((stage, index) =>
    stage.map((step) => ({ ...(step as StepDefinition), stage: index })),
  );
  const names = steps.map((step) => step.name);
  if (new Set(names).size !== names.length) refuse('two of its steps have the same name');
  for (const { name: step, participant } of steps) {
    // A participant's name is the name of its queue in Redis, beside the queue that they share.
    if (participant === stagesQueue)
      refuse(`step "${step}": no participant may be called "${stagesQueue}"`);
    if (!/^[A-Za-z0-9_.-]+$/.test(participant))
      refuse(
        `step "${step}": a participant's name must be letters, digits, dots, dashes, underscores`,
      );
  }
  return {
    name,
    version,
    input,
    key: key as (input: Json) => string,
    steps,
    stages: stages.length,
    policy,
  };
}

/** The definitions that a process knows, each in every version that may still be in flight. */
export interface Registry {
  /** The newest version; undefined where the name is unknown. */
  latest(name: string): SagaDefinition | undefined;
  /** Throws DefinitionError where this process does not know it. */
  get(name: string, version: number): SagaDefinition;
  policyOf(definition: SagaDefinition): SagaPolicy;
  /** The least `stepAttempts` of all. */
  fewestAttempts: number;
  names: string[];
  participants: string[];
}

/** @param policy what applies where a definition does not say its own. */
export function createRegistry(
  definitions: SagaDefinition[],
  policy: Partial<SagaPolicy> = {},
): Registry {
  const byVersion = new Map<string, SagaDefinition>();
  const latest = new Map<string, SagaDefinition>();
  for (const definition of definitions) {
    const id = `${definition.name}@${definition.version}`;
    if (byVersion.has(id)) throw new DefinitionError(`saga ${id} is defined twice`);
    byVersion.set(id, definition);
    const known = latest.get(definition.name);
    if (!known || known.version < definition.version) latest.set(definition.name, definition);
  }
  const policyOf = (definition: SagaDefinition): SagaPolicy => ({
    ...defaultPolicy,
    ...policy,
    ...definition.policy,
  });
  return {
    latest: (name) => latest.get(name),
    get(name, version) {
      const definition = byVersion.get(`${name}@${version}`);
      if (!definition)
        throw new DefinitionError(
          `saga ${name}@${version} is in flight, but this process does not know it: register that version until its sagas have ended`,
        );
      return definition;
    },
    policyOf,
    fewestAttempts: Math.min(...definitions.map((one) => policyOf(one).stepAttempts)),
    names: [...latest.keys()].sort(),
    participants: [
      ...new Set(definitions.flatMap(({ steps }) => steps.map((step) => step.participant))),
    ].sort(),
  };
}
