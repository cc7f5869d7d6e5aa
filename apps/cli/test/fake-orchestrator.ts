import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BatchCounts, SagaStatus, SagaSummary, SagaView } from '@reliable-ops/contracts';

export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  idempotencyKey: string | undefined;
  authorization: string | undefined;
  body: any;
}
/** `lose`: the connection is cut after the request has taken effect, so its reply is lost. `hang`: no reply at all. */
type Reply =
  | 'lose'
  | 'hang'
  | { status: number; headers?: Record<string, string>; body?: unknown; text?: string };

const zero = { queued: 0, running: 0, compensating: 0, completed: 0, compensated: 0, cancelled: 0 };

/** The REST of the contracts over a Map, with a hook for everything that can go wrong on the way. */
export class FakeOrchestrator implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Group ids by batch: what has taken effect. */
  readonly batches = new Map<string, string[]>();
  readonly #accepted = new Map<string, string>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  /** How the saga of an id stands when its batch is asked for. */
  outcomeOf: (groupId: string) => SagaStatus | 'stuck' = () => 'completed';
  /** A reply other than the usual one. */
  intercept: (request: Received) => Reply | undefined = () => undefined;
  /** What GET /v1/sagas/:id says, one after another; the last one stays. */
  views: SagaView[] = [];
  sagas: SagaSummary[] = [];
  /** What GET /v1/events tells four times a second. Undefined: there is no such path, as in an older version. */
  endedEach250Ms: number | undefined;
  cluster: unknown = { consistent: true, nodes: { node01: 1, node02: 1, node03: 1 } };
  status: unknown = {
    version: '0.1.0',
    postgres: { version: '18.4', migrations: { applied: 2, known: 2 } },
    redis: { version: '7.0.15' },
    queues: { node01: { waiting: 1, active: 2, delayed: 3 } },
    paused: [] as string[],
    outbox: { rows: 3, oldestOverdueSeconds: 0 },
    sagas: { queued: 4, running: 3, compensating: 2, stuck: 1 },
  };

  static async start(): Promise<FakeOrchestrator> {
    const fake = new FakeOrchestrator();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  posts(path: string): Received[] {
    return this.received.filter((request) => request.method === 'POST' && request.path === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #tellChanges(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const tell = (completed: number): void => {
      const event = {
        at: '',
        active: null,
        changed: { ...zero, resolved: 0, completed, running: 7 },
        sagas: [],
        left: 0,
      };
      response.write(`event: changes\ndata: ${JSON.stringify(event)}\n\n`);
    };
    tell(0);
    const timer = setInterval(() => tell(this.endedEach250Ms ?? 0), 250);
    response.once('close', () => clearInterval(timer));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request) text += part;
    const url = new URL(request.url ?? '/', this.url);
    const received: Received = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      idempotencyKey: request.headers['idempotency-key']?.toString(),
      authorization: request.headers.authorization,
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.received.push(received);
    if (received.path === '/v1/events' && this.endedEach250Ms !== undefined)
      return this.#tellChanges(response);
    const intercepted = this.intercept(received);
    const usual =
      intercepted === undefined || typeof intercepted === 'string' ? this.#answer(received) : null;
    if (intercepted === 'lose') return void request.socket.destroy();
    if (intercepted === 'hang') return;
    const { status, headers, body, text: raw } = (intercepted ?? usual) as Exclude<Reply, string>;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(raw ?? JSON.stringify(body));
  }

  #answer({ method, path, body, idempotencyKey = '', query }: Received): Reply {
    if (method === 'POST' && path === '/v1/sagas/batch') {
      const ids: string[] = body.inputs.map((input: { groupId: string }) => input.groupId);
      const known = this.#accepted.get(idempotencyKey);
      const batchId = known ?? `batch-${this.batches.size + 1}`;
      this.#accepted.set(idempotencyKey, batchId);
      this.batches.set(batchId, ids);
      return { status: 202, body: { batchId, accepted: ids.length } };
    }
    if (method === 'POST')
      return { status: 202, headers: { location: '/v1/sagas/saga-1' }, body: {} };
    const [, , kind, id = ''] = path.split('/');
    if (kind === 'cluster') return { status: 200, body: this.cluster };
    if (kind === 'status') return { status: 200, body: this.status };
    if (kind === 'batches' && this.batches.has(id)) return { status: 200, body: this.#count(id) };
    if (kind === 'sagas' && id === '') return { status: 200, body: this.#page(query) };
    const view = this.views.length > 1 ? this.views.shift() : this.views[0];
    if (kind === 'sagas' && view?.id === id) return { status: 200, body: view };
    return { status: 404, body: problemOf(404, { detail: `unknown ${kind}`, code: 'UNKNOWN' }) };
  }

  #count(batchId: string): BatchCounts {
    const ids = this.batches.get(batchId) ?? [];
    const counts: BatchCounts = { ...zero, resolved: 0, stuck: 0, total: ids.length };
    for (const id of ids) {
      const outcome = this.outcomeOf(id);
      if (outcome === 'stuck') counts.compensating++;
      counts[outcome]++;
    }
    return counts;
  }

  /** The cursor is the place in the list. */
  #page(query: URLSearchParams): unknown {
    const from = Number(query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit') ?? 20);
    const stuck = query.get('stuck');
    const fitting = this.sagas.filter((saga) => stuck === null || String(saga.stuck) === stuck);
    return {
      sagas: fitting.slice(from, to),
      cursor: to < fitting.length ? String(to) : null,
    };
  }
}

export const problemOf = (
  status: number,
  { detail, code, field }: { detail: string; code: string; field?: string },
): unknown => ({ type: 'about:blank', title: code, status, detail, code, ...(field && { field }) });

export function sagaOf(change: Partial<SagaView>): SagaView {
  return {
    id: 'saga-1',
    saga: 'create-group',
    version: 1,
    key: 'group:5',
    status: 'completed',
    stuck: false,
    input: { groupId: '5' },
    batchId: null,
    error: null,
    acceptedAt: '2026-11-24T08:00:00.000Z',
    startedAt: '2026-11-24T08:00:00.010Z',
    endedAt: '2026-11-24T08:00:01.000Z',
    fence: 1,
    deadlineAt: '2026-11-24T08:10:00.000Z',
    steps: [],
    history: [],
    ...change,
  };
}

export const stepOf = (
  participant: string,
  log: SagaView['steps'][number]['log'],
): SagaView['steps'][number] => ({
  name: `${participant}:create`,
  participant,
  stage: 0,
  state: 'applied',
  attempts: log.length,
  output: 'created',
  lastError: null,
  log,
});
