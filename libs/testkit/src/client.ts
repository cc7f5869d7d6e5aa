import { randomUUID } from 'node:crypto';
import {
  batchAccepted,
  batchCounts,
  sagaView,
  type BatchCounts,
  type NodeFaults,
  type SagaView,
} from '@reliable-ops/contracts';
import ky from 'ky';
import type { System } from './system.ts';
import { waitFor } from './wait-for.ts';

/** What a test asks of a system over HTTP. */
export interface SystemClient {
  /** Accepts a batch; asks again, with the same key, until it gets an answer. Answers the batch's id. */
  post(saga: string, groupIds: string[], key?: string): Promise<string>;
  count(batchIds: string[]): Promise<BatchCounts>;
  /** Until every saga of these batches has ended, also while the orchestrator is away for a time. */
  untilEnded(batchIds: string[]): Promise<void>;
  sagas(batchId: string): Promise<SagaView[]>;
  show(sagaId: string): Promise<SagaView>;
  setFaults(node: string, faults: Partial<NodeFaults>): Promise<void>;
}

export function clientOf({ orchestratorUrl, nodeApiUrl, output }: System): SystemClient {
  const api = ky.create({ prefixUrl: `${orchestratorUrl}/v1`, retry: 0, timeout: 10_000 });
  const count = async (batchIds: string[]): Promise<BatchCounts> => {
    const counts = await Promise.all(
      batchIds.map(async (id) => batchCounts.parse(await api.get(`batches/${id}`).json())),
    );
    const sum = { ...counts[0]! };
    for (const one of counts.slice(1))
      for (const name of Object.keys(sum) as (keyof BatchCounts)[]) sum[name] += one[name];
    return sum;
  };
  const show = async (sagaId: string): Promise<SagaView> =>
    sagaView.parse(await api.get(`sagas/${sagaId}`).json());
  return {
    async post(saga, groupIds, key = randomUUID()) {
      for (;;) {
        try {
          const response = await api.post('sagas/batch', {
            json: { saga, inputs: groupIds.map((groupId) => ({ groupId })) },
            headers: { 'idempotency-key': key },
          });
          return batchAccepted.parse(await response.json()).batchId;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    },
    count,
    async untilEnded(batchIds) {
      await waitFor('every saga to end', async () => allEnded(await count(batchIds)), {
        timeoutMs: 45_000,
        explain: output,
      });
    },
    show,
    async sagas(batchId) {
      const found: SagaView[] = [];
      let cursor: string | null = null;
      do {
        const page: { sagas: { id: string; batchId: string | null }[]; cursor: string | null } =
          await api
            .get('sagas', {
              searchParams: { limit: 1_000, ...(cursor === null ? {} : { cursor }) },
            })
            .json();
        for (const { id, batchId: of } of page.sagas)
          if (of === batchId) found.push(await show(id));
        cursor = page.cursor;
      } while (cursor !== null);
      return found;
    },
    async setFaults(node, faults) {
      await ky.put(`${nodeApiUrl}/v1/faults/${node}`, { json: faults, retry: 0 });
    },
  };
}

/** Whether all sagas counted have ended. */
export const allEnded = ({ queued, running, compensating }: BatchCounts): boolean =>
  queued + running + compensating === 0;
