import {
  batchAccepted,
  batchCounts,
  clusterFaults,
  clusterView,
  nodeFaults,
  operatedViews,
  participantViews,
  pausedView,
  retryStuckView,
  reconcileLine,
  stuckView,
  sagaPage,
  sagaView,
  statusView,
  verifyLine,
  type BatchAccepted,
  type BatchCounts,
  type ClusterFaults,
  type ClusterView,
  type NodeFaults,
  type OperatedView,
  type OperatorBody,
  type OperatorVerb,
  type ParticipantView,
  type PausedView,
  type RetryStuckBody,
  type RetryStuckView,
  type ReconcileLine,
  type ReconcileRequest,
  type SagaPage,
  type SagaStatus,
  type SagaView,
  type StartBatch,
  type StartSaga,
  type StatusView,
  type StuckView,
  type VerifyLine,
} from '@reliable-ops/contracts';
import type { Endpoint } from './endpoint.ts';
import { ContractError, NotFoundError, RefusedError } from './errors.ts';
import { streamLines } from './stream.ts';
import { createTransport, readBody, type TransportOptions } from './transport.ts';

interface SagaQuery {
  status?: SagaStatus | undefined;
  key?: string | undefined;
  stuck?: 'true' | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

/**
 * The orchestrator's REST, typed; every answer is checked. All of them throw UnreachableError,
 * UnauthorizedError, ContractError, RefusedError (what the server refuses) and InterruptedError;
 * those that take an id, NotFoundError.
 */
export interface Client {
  /** The saga's id. The same key gives the same saga. */
  startSaga(body: StartSaga, idempotencyKey: string): Promise<string>;
  startBatch(body: StartBatch, idempotencyKey: string): Promise<BatchAccepted>;
  readBatch(id: string): Promise<BatchCounts>;
  readSaga(id: string): Promise<SagaView>;
  /** One page, newest first. */
  listSagas(query: SagaQuery): Promise<SagaPage>;
  readCluster(): Promise<ClusterView>;
  readStatus(): Promise<StatusView>;
  /** What came of it for each of `ids`, in their order. */
  operate(verb: OperatorVerb, body: OperatorBody & { ids: string[] }): Promise<OperatedView[]>;
  /** A part of it: more is to be asked for with the answer's `next`. */
  retryStuck(body: RetryStuckBody): Promise<RetryStuckView>;
  readStuck(): Promise<StuckView>;
  readParticipants(): Promise<ParticipantView[]>;
  pause(node: string, body: OperatorBody): Promise<PausedView>;
  resume(node: string, body: OperatorBody): Promise<PausedView>;
  readFaults(): Promise<ClusterFaults>;
  setFaults(node: string, faults: NodeFaults): Promise<NodeFaults>;
  /** Line by line, for as long as it takes; never repeated. */
  verify(): AsyncGenerator<VerifyLine, void>;
  reconcile(body: ReconcileRequest): AsyncGenerator<ReconcileLine, void>;
}

/** `patienceMs`: how long a call is repeated while nobody answers; 0: not at all. */
export function createClient(endpoint: Endpoint, options: TransportOptions): Client {
  const send = createTransport(endpoint, options);
  const setPaused = async (node: string, verb: 'pause' | 'resume', body: OperatorBody) => {
    checkSegment('node', node);
    const path = `v1/participants/${encodeURIComponent(node)}/${verb}`;
    return readBody(await send({ path, body }), pausedView);
  };
  return {
    async startSaga(body, idempotencyKey) {
      const answer = await send({ path: 'v1/sagas', body, idempotencyKey });
      const location = answer.headers.get('location') ?? '';
      const [, id] = /\/v1\/sagas\/([^/?#%]+)$/.exec(location) ?? [];
      if (id !== undefined) return id;
      throw new ContractError(
        `${answer.url} accepted the saga but did not say under which address`,
      );
    },
    async startBatch(body, idempotencyKey) {
      const answer = await send({ path: 'v1/sagas/batch', body, idempotencyKey });
      return readBody(answer, batchAccepted);
    },
    readBatch: (id) =>
      found('batch', id, async () =>
        readBody(await send({ path: `v1/batches/${encodeURIComponent(id)}` }), batchCounts),
      ),
    readSaga: (id) =>
      found('saga', id, async () =>
        readBody(await send({ path: `v1/sagas/${encodeURIComponent(id)}` }), sagaView),
      ),
    listSagas: async (query) =>
      readBody(await send({ path: 'v1/sagas', query: { ...query } }), sagaPage),
    readCluster: async () => readBody(await send({ path: 'v1/cluster' }), clusterView),
    readStatus: async () => readBody(await send({ path: 'v1/status' }), statusView),
    operate: async (verb, body) =>
      readBody(await send({ path: `v1/sagas/${verb}`, body }), operatedViews).sagas,
    retryStuck: async (body) =>
      readBody(await send({ path: 'v1/stuck/retry', body }), retryStuckView),
    readStuck: async () => readBody(await send({ path: 'v1/stuck' }), stuckView),
    readParticipants: async () =>
      readBody(await send({ path: 'v1/participants' }), participantViews).participants,
    pause: (node, body) => setPaused(node, 'pause', body),
    resume: (node, body) => setPaused(node, 'resume', body),
    readFaults: async () => readBody(await send({ path: 'v1/faults' }), clusterFaults),
    async setFaults(node, faults) {
      checkSegment('node', node);
      const path = `v1/faults/${encodeURIComponent(node)}`;
      return readBody(await send({ path, body: faults, method: 'put' }), nodeFaults);
    },
    verify: () => streamLines(endpoint, options.signal, { path: 'v1/verify' }, verifyLine),
    reconcile: (body) =>
      streamLines(endpoint, options.signal, { path: 'v1/reconcile', body }, reconcileLine),
  };
}

async function found<Found>(what: string, id: string, read: () => Promise<Found>): Promise<Found> {
  checkSegment(what, id);
  try {
    return await read();
  } catch (error) {
    throw error instanceof RefusedError && error.status === 404
      ? new NotFoundError(missing(what, id))
      : error;
  }
}

/** A URL swallows these: they would ask for another resource. */
function checkSegment(what: string, id: string): void {
  if (id === '' || id === '.' || id === '..') throw new NotFoundError(missing(what, id));
}

const missing = (what: string, id: string): string => `there is no ${what} "${id}"`;
