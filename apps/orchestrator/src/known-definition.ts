import { DefinitionError, type Registry, type Saga, type SagaDefinition } from '@reliable-ops/saga';

type Named = Pick<Saga, 'name' | 'version'>;

/** undefined where this process does not know it: the log may hold sagas of a version that was taken out. */
export function findDefinition(
  registry: Registry,
  { name, version }: Named,
): SagaDefinition | undefined {
  try {
    return registry.get(name, version);
  } catch (error) {
    if (error instanceof DefinitionError) return undefined;
    throw error;
  }
}

/** Who carries out a step of a saga: the step's own name, where its definition is not known. */
export const participantOf = (registry: Registry, saga: Named, step: string): string =>
  findDefinition(registry, saga)?.steps.find(({ name }) => name === step)?.participant ?? step;
