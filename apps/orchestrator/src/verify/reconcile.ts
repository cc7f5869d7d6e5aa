import { randomUUID } from 'node:crypto';
import type {
  LeftAlone,
  ReconcileLine,
  ReconcileRequest,
  ReconcileSummary,
  Repair,
} from '@reliable-ops/contracts';
import { planRepair, type Divergence, type Verification } from '@reliable-ops/connector';
import {
  checkRequest,
  InvalidRequestError,
  type AcceptRequest,
  type Engine,
  type Registry,
} from '@reliable-ops/saga';

/** Repairs accepted in one transaction, each batch to be waited for by its id. */
const repairsTogether = 1_000;

export interface ReconcileParts {
  engine: Pick<Engine, 'accept'>;
  registry: Registry;
}

interface Planned {
  repair: Repair;
  saga: AcceptRequest['sagas'][number];
}

/**
 * Plans what repairs each divergence, as verify finds it, and with `apply` carries it out on the way: as sagas through the
 * lanes, each only if no saga of its key has come since the nodes were looked at. The plan is never held as a whole.
 */
export async function* reconcileCluster(
  run: Verification,
  { engine, registry }: ReconcileParts,
  { apply, prefer }: ReconcileRequest,
): AsyncGenerator<ReconcileLine, void> {
  const startedAt = performance.now();
  const told = { planned: 0, left: 0, accepted: 0, skipped: 0 };
  let waiting: Planned[] = [];

  for await (const event of run.events) {
    if (event.type === 'finding') {
      const { promise, key, expected, found } = event.finding;
      const reason = `${promise}, expected ${expected}, found ${found}: it lies in the log itself, which no saga repairs`;
      told.left++;
      yield { type: 'left', key, reason };
      continue;
    }
    const planned = plan(event.divergence);
    if ('reason' in planned) {
      told.left++;
      yield { type: 'left', ...planned };
      continue;
    }
    told.planned++;
    yield { type: 'planned', ...planned.repair };
    if (!apply) continue;
    waiting.push(planned);
    if (waiting.length < repairsTogether) continue;
    yield* accept(waiting);
    waiting = [];
  }
  yield* accept(waiting);

  const { counts, unreachable } = run;
  const seconds = secondsSince(startedAt);
  const summary: ReconcileSummary = { applied: apply, ...told, ...counts, unreachable, seconds };
  yield { type: 'summary', ...summary };

  function plan(divergence: Divergence): Planned | LeftAlone {
    const repair = planRepair(divergence, prefer);
    if ('reason' in repair) return repair;
    const { key, change } = repair;
    const [away] = run.unreachable;
    if (away) return { key, reason: `a repair needs all nodes, and ${away.node} is not reachable` };
    try {
      const { groupId, lastSagaId } = divergence;
      const checked = checkRequest(registry, `${change}-group`, { groupId });
      return { repair, saga: { ...checked, onlyIf: { lastSagaId } } };
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error;
      return { key, reason: `no saga takes it: ${error.message}` };
    }
  }

  async function* accept(repairs: Planned[]): AsyncGenerator<ReconcileLine, void> {
    if (repairs.length === 0) return;
    const sagas = repairs.map(({ saga }) => saga);
    const request = { batchId: randomUUID(), idempotency: null, sagas };
    const { batchId, sagaIds, skipped } = await engine.accept(request);
    told.accepted += sagaIds.length;
    told.skipped += skipped.length;
    for (const place of skipped) {
      const { key } = repairs[place]!.repair;
      yield { type: 'skipped', key, reason: 'a saga of the key has come since it was looked at' };
    }
    if (sagaIds.length > 0) yield { type: 'accepted', batchId, sagas: sagaIds.length };
  }
}

export const secondsSince = (startedAt: number): number =>
  Math.round(performance.now() - startedAt) / 1_000;
