import type { StuckView } from '@reliable-ops/contracts';
import type { Registry, SagaLog } from '@reliable-ops/saga';
import { participantOf } from '../known-definition.ts';

/** Causes that one answer holds; where there are more, something differs from call to call. */
const mostCauses = 100;

/** What keeps stuck sagas from being taken back, by participant and error. */
export async function readStuck(
  log: Pick<SagaLog, 'groupStuck'>,
  registry: Registry,
): Promise<StuckView> {
  const { sagas, causes } = await log.groupStuck(mostCauses);
  const merged = new Map<string, StuckView['causes'][number]>();
  for (const cause of causes) {
    const participant = participantOf(registry, cause, cause.step);
    const known = merged.get(`${participant}\n${cause.error}`);
    if (known) known.sagas += cause.sagas;
    else
      merged.set(`${participant}\n${cause.error}`, {
        participant,
        error: cause.error,
        sagas: cause.sagas,
      });
  }
  return { sagas, causes: [...merged.values()].sort((one, other) => other.sagas - one.sagas) };
}
