import {
  batchAccepted,
  batchCounts,
  changesEvent,
  clusterFaults,
  clusterView,
  eventNames,
  hasEnded,
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
  type ChangesEvent,
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
import { ContractError, NotFoundError, RefusedError, UnreachableError } from './errors.ts';
import { streamEvents } from './events.ts';
import { streamLines } from './lines.ts';
import { pause } from './pause.ts';
import {
  createTransport,
  patienceMs as defaultPatienceMs,
  readBody,
  type TransportOptions,
} from './transport.ts';

/** Milliseconds before a lost stream is asked for again. */
const reconnectAfterMs = 500;

/** Which sagas; what is left out does not matter. */
export interface SagaFilter {
  status?: SagaStatus | undefined;
  saga?: string | undefined;
  key?: string | undefined;
}

export interface SagaQuery extends SagaFilter {
  stuck?: 'true' | 'false' | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

/**
 * The orchestrator's REST, typed; every answer is checked. All of them throw UnreachableError,
 * UnauthorizedError, ContractError, RefusedError (what the server refuses) and the reason of an aborted signal;
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
  /** Its view, now and at each change, to its end, however often the connection is lost. */
  followSaga(id: string): AsyncGenerator<SagaView, void>;
  /**
   * What changes from now on, to the end of the connection: it throws UnreachableError where that is lost, and ends where
   * the orchestrator stops. The first event says that it has begun: read the state then.
   */
  followChanges(filter?: SagaFilter): AsyncGenerator<ChangesEvent, void>;
}

/** By default a call is repeated for a minute while nobody answers. */
export function createClient(given: Endpoint, options: Partial<TransportOptions> = {}): Client {
  const endpoint = { ...given, url: given.url.endsWith('/') ? given.url : `${given.url}/` };
  const { signal = new AbortController().signal, patienceMs = defaultPatienceMs } = options;
  const send = createTransport(endpoint, { ...options, signal, patienceMs });
  const readSaga = (id: string): Promise<SagaView> =>
    found('saga', id, async () =>
      readBody(await send({ path: `v1/sagas/${encodeURIComponent(id)}` }), sagaView),
    );
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
    readSaga,
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
    verify: () => streamLines(endpoint, signal, { path: 'v1/verify' }, verifyLine),
    reconcile: (body) =>
      streamLines(endpoint, signal, { path: 'v1/reconcile', body }, reconcileLine),
    async *followSaga(id) {
      for (;;) {
        // Also the wait for an orchestrator that is away: it is as patient as every call.
        const read = await readSaga(id);
        try {
          const path = `v1/sagas/${encodeURIComponent(id)}/events`;
          for await (const view of streamEvents(
            endpoint,
            signal,
            { path },
            eventNames.saga,
            sagaView,
          )) {
            yield view;
            if (hasEnded(view.status)) return;
          }
        } catch (error) {
          if (!(error instanceof UnreachableError) || patienceMs === 0) throw error;
        }
        if (hasEnded(read.status)) return yield read;
        await pause(reconnectAfterMs, signal);
      }
    },
    followChanges: (filter = {}) =>
      streamEvents(
        endpoint,
        signal,
        { path: 'v1/events', query: { ...filter } },
        eventNames.changes,
        changesEvent,
      ),
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
