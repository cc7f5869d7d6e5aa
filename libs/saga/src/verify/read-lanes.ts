import { hasEnded, type VerifyFinding } from '@reliable-ops/contracts';
import { createLaneJudge, type HasCompensation, type Suspect } from './lane-judge.ts';
import type { LanePlace, LaneState, LoggedSaga, VerifyLog } from './verify-log.ts';

/** Sagas of one page: some MB of memory, some 20 ms of Postgres. */
const pageSagas = 2_000;

export interface LanePage {
  /** Lanes that this page completes, in the byte order of their keys. */
  lanes: LaneState[];
  /** Of the sagas of this page; each was looked at twice. */
  findings: VerifyFinding[];
  /** Sagas read. */
  sagas: number;
}

/**
 * Reads the whole log lane by lane, a page at a time: memory does not grow with it. The log goes on meanwhile, so two
 * pages are of two moments; a suspect counts when a second look, which reads its sagas in one statement, finds it again.
 */
export async function* readLanes(
  log: VerifyLog,
  hasCompensation: HasCompensation,
  limit = pageSagas,
): AsyncGenerator<LanePage, void> {
  const judge = createLaneJudge(hasCompensation);
  let open: LaneFold | undefined;
  let after: LanePlace | undefined;
  for (;;) {
    const sagas = await log.readSagasByKey({ after, limit });
    const suspects: Suspect[] = [];
    const lanes: LaneState[] = [];
    for (const saga of sagas) {
      suspects.push(...judge(saga));
      if (open && open.state.key !== saga.key) {
        lanes.push(open.state);
        open = undefined;
      }
      open = foldSaga(open, saga);
      after = { key: saga.key, id: saga.id };
    }
    const isLast = sagas.length < limit;
    if (isLast && open) lanes.push(open.state);
    const findings = await confirmSuspects(log, hasCompensation, suspects);
    yield { lanes, findings, sagas: sagas.length };
    if (isLast) return;
  }
}

interface LaneFold {
  state: LaneState;
  decisiveFence: number;
}

function foldSaga(fold: LaneFold | undefined, saga: LoggedSaga): LaneFold {
  const { id, key, name, status, fence } = saga;
  const { state, decisiveFence } = fold ?? {
    state: { key, lastSagaId: id, active: 0, decisive: null },
    decisiveFence: -1,
  };
  const decides = (status === 'completed' || status === 'resolved') && (fence ?? 0) > decisiveFence;
  return {
    state: {
      key,
      lastSagaId: id,
      active: state.active + (hasEnded(status) ? 0 : 1),
      decisive: decides ? { sagaId: id, name, status } : state.decisive,
    },
    decisiveFence: decides ? (fence ?? 0) : decisiveFence,
  };
}

async function confirmSuspects(
  log: VerifyLog,
  hasCompensation: HasCompensation,
  suspects: Suspect[],
): Promise<VerifyFinding[]> {
  if (suspects.length === 0) return [];
  const sagas = await log.readLoggedSagas([...new Set(suspects.flatMap(({ sagaIds }) => sagaIds))]);
  const byId = new Map(sagas.map((saga) => [saga.id, saga]));
  return suspects.flatMap(({ id, sagaIds }) => {
    const judge = createLaneJudge(hasCompensation);
    const again = sagaIds.flatMap((sagaId) => {
      const saga = byId.get(sagaId);
      return saga ? judge(saga) : [];
    });
    return again.filter((suspect) => suspect.id === id).map(({ finding }) => finding);
  });
}
