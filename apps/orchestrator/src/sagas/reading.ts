import type { BatchCounts } from '@reliable-ops/contracts';
import { createBatcher, type Saga, type SagaLog, type SagaQuery } from '@reliable-ops/saga';
import { ProblemError } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';

/** What requests read from the log, each read bounded in time. */
export interface SagaReader {
  get(id: number): Promise<Saga | undefined>;
  list(query: SagaQuery): Promise<Saga[]>;
  /** The first saga of a batch. */
  firstOf(batchId: string): Promise<number>;
  countBatch(batchId: string): Promise<BatchCounts | undefined>;
}

/** Sagas read by one query, when many ask at once. */
const sagasPerRead = 500;

const bounded = <T>(work: Promise<T>): Promise<T> => within(postgresPatienceMs, work);

export function createSagaReader(log: SagaLog): SagaReader {
  const reads = createBatcher<number, Saga | undefined>({
    maxWeight: sagasPerRead,
    concurrency: 2,
    async run(ids) {
      const found = new Map((await log.getSagas([...new Set(ids)])).map((saga) => [saga.id, saga]));
      return ids.map((id) => found.get(id));
    },
  });
  return {
    get: (id) => bounded(reads.submit(id)),
    list: (query) => bounded(log.listSagas(query)),
    async firstOf(batchId) {
      const [id] = await bounded(log.sagaIdsOf(batchId));
      // Retention takes the sagas of a batch first, and then its Idempotency-Key.
      if (id === undefined)
        throw new ProblemError(404, 'NOT_FOUND', 'its saga has ended long ago, and has left');
      return id;
    },
    countBatch: (batchId) => bounded(log.countBatch(batchId)),
  };
}
