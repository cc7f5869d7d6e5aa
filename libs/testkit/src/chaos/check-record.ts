import type { Finding } from './check.ts';
import type { RequestRecord } from './client.ts';
import type { SagaState, State } from './state.ts';
import { groupBy } from './group-by.ts';

/**
 * Every 202 is its sagas, in their order; a request without an answer is all of its sagas or none; the same key gave
 * the same batch; and the log holds nothing that nobody asked for.
 */
export function checkRecord({ sagas, requests }: State, record: RequestRecord[]): Finding[] {
  const findings: Finding[] = [];
  const batches = groupBy(sagas, ({ batchId }) => batchId);
  const batchOfKey = new Map(requests.map(({ key, batchId }) => [key, batchId]));
  const explained = new Set<string>();

  for (const request of record) {
    const { idempotencyKey: key, batchIds, sagaIds, refusals } = request;
    const name = nameOf(request);
    for (const refusal of refusals)
      findings.push({ promise: 'P2', text: `${name} was refused: ${refusal}` });
    if (new Set(batchIds).size > 1)
      findings.push({ promise: 'P3', text: `${name} became batches ${batchIds.join(', ')}` });
    if (new Set(sagaIds).size > 1)
      findings.push({ promise: 'P3', text: `${name} became sagas ${sagaIds.join(', ')}` });

    const entered = key === null ? undefined : batchOfKey.get(key);
    for (const batchId of new Set(batchIds)) {
      explained.add(batchId);
      const found = batches.get(batchId);
      if (!found) findings.push({ promise: 'P2', text: `${name}: its batch ${batchId} is lost` });
      else if (contentOf(found) !== contentOf(request))
        findings.push({
          promise: 'P2',
          text: `${name}: batch ${batchId} holds ${found.length} sagas (${contentOf(found)}), not the ${request.groupIds.length} asked for (${contentOf(request)})`,
        });
      for (const id of sagaIds)
        if (found && !found.some((saga) => String(saga.id) === id))
          findings.push({ promise: 'P2', text: `${name}: saga ${id} is lost` });
      if (key !== null && entered !== batchId)
        findings.push({
          promise: 'P3',
          text: `${name}: its key stands for batch ${entered}, the answer said ${batchId}`,
        });
    }
    if (batchIds.length > 0 || entered === undefined) continue;
    explained.add(entered);
    const found = batches.get(entered);
    if (!found || contentOf(found) !== contentOf(request))
      findings.push({
        promise: 'P2',
        text: `${name}, never answered, was accepted in part: ${found?.length ?? 0} of ${request.groupIds.length}`,
      });
  }

  // Without a key nothing but its content tells whose a batch is; each unanswered attempt accounts for one at most.
  const unkeyed = record
    .filter(({ idempotencyKey, batchIds }) => idempotencyKey === null && batchIds.length === 0)
    .map(contentOf);
  for (const [batchId, found] of batches) {
    if (explained.has(batchId)) continue;
    const index = unkeyed.indexOf(contentOf(found));
    if (index >= 0) unkeyed.splice(index, 1);
    else
      findings.push({
        promise: 'P3',
        text: `batch ${batchId} (${contentOf(found)}) is no request that was made, or one made twice`,
      });
  }
  return findings;
}

const nameOf = ({ idempotencyKey, form, saga, groupIds }: RequestRecord): string =>
  `${form} ${saga} of ${groupIds.length} (${idempotencyKey ?? 'no key'})`;

/** The sagas in the order asked for: ids grow along a batch. */
function contentOf(of: SagaState[] | RequestRecord): string {
  if (!Array.isArray(of)) return `${of.saga} ${of.groupIds.join(' ')}`;
  const names = new Set(of.map(({ name }) => name));
  return `${[...names].join('+')} ${of.map(({ groupId }) => groupId).join(' ')}`;
}
