import type { Saga, SagaLog, SagaQuery } from '@reliable-ops/saga';

/** Sagas on a page. */
const pageSagas = 50;
/** Ids looked through by one query where no index serves the filter: some milliseconds. */
export const windowIds = 10_000;
/** Milliseconds that one page looks on, where few sagas fit. Then it shows what there is, and the way on. */
const patienceMs = 25;

export interface SagaPage {
  sagas: Saga[];
  /** Sagas older than this are on the pages to come; null: this is the last. */
  before: number | null;
  /** Whether it ends because it has looked long enough, and not because it is full. */
  isCut: boolean;
}

export type SagaFilter = Omit<SagaQuery, 'limit' | 'since'>;

/**
 * A page of sagas, newest first. Where an index serves the filter, it is one query; where none does, it goes down through
 * the ids, window by window, until the page is full or it has looked long enough: a page costs the same in a log of a
 * million, also if nothing fits.
 */
export async function findSagas(
  log: Pick<SagaLog, 'listSagas'>,
  filter: SagaFilter,
  clock: () => number = () => performance.now(),
): Promise<SagaPage> {
  if (isServedByIndex(filter)) {
    const sagas = await log.listSagas({ ...filter, limit: pageSagas + 1 });
    return pageOf(sagas);
  }
  const startedAt = clock();
  const found: Saga[] = [];
  let before = filter.before ?? ((await log.listSagas({ limit: 1 }))[0]?.id ?? 0) + 1;
  while (before > 1) {
    const since = Math.max(1, before - windowIds);
    const limit = pageSagas + 1 - found.length;
    found.push(...(await log.listSagas({ ...filter, before, since, limit })));
    if (found.length > pageSagas) return pageOf(found);
    before = since;
    if (clock() - startedAt > patienceMs && before > 1)
      return { sagas: found, before, isCut: true };
  }
  return { sagas: found, before: null, isCut: false };
}

/** One that is served alone: of two, the other may leave almost nothing of what the index finds. */
function isServedByIndex({ status, name, key, stuck }: SagaFilter): boolean {
  const isByKey = key !== undefined;
  const isByStatus = status !== undefined && status !== 'completed';
  const isStuck = stuck === true;
  const others = [name, stuck === false ? stuck : undefined].filter((one) => one !== undefined);
  if (others.length > 0 || status === 'completed') return false;
  return [isByKey, isByStatus, isStuck].filter(Boolean).length <= 1;
}

function pageOf(sagas: Saga[]): SagaPage {
  const page = sagas.slice(0, pageSagas);
  return { sagas: page, before: sagas.length > page.length ? page.at(-1)!.id : null, isCut: false };
}
