import { setTimeout as pause } from 'node:timers/promises';
import type { PlannedRequest } from './load.ts';

/** What the client knows of a request: it believes nothing but answers. */
export interface RequestRecord extends PlannedRequest {
  /** How often it was sent. */
  sent: number;
  /** Of each 202 (or 200) it got. */
  batchIds: string[];
  /** Of a single saga. */
  sagaIds: string[];
  /** Why an attempt had no answer: the connection broke, a time-out, 5xx, 429. Each may have been accepted. */
  silences: string[];
  /** Answers that no request of the load may get, such as a 422. */
  refusals: string[];
}

export interface ClientOptions {
  orchestratorUrl: string;
  requests: PlannedRequest[];
  /** Milliseconds since the load began. */
  clock(): number;
  /** From then on, what is still unanswered is not sent again. */
  giveUp: AbortSignal;
}

/** Milliseconds that an answer may take: longer than the orchestrator waits for Postgres. */
const patienceMs = 15_000;
const pauseMs = 300;

/** Makes each request at its time, whether or not those before it were answered; resolves when each is answered or given up. */
export async function runClient(options: ClientOptions): Promise<RequestRecord[]> {
  const { requests, clock } = options;
  const records: Promise<RequestRecord>[] = [];
  for (const request of [...requests].sort((a, b) => a.atMs - b.atMs)) {
    if (request.atMs > clock()) await pause(request.atMs - clock());
    records.push(makeRequest(request, options));
  }
  return Promise.all(records);
}

/** Makes one request, and makes it again as it says. */
export async function makeRequest(
  request: PlannedRequest,
  options: Pick<ClientOptions, 'orchestratorUrl' | 'giveUp'>,
): Promise<RequestRecord> {
  const record: RequestRecord = {
    ...request,
    sent: 0,
    batchIds: [],
    sagaIds: [],
    silences: [],
    refusals: [],
  };
  const { repeats } = request;
  await send(record, options);
  if (repeats === 'never') return record;
  while (record.batchIds.length === 0 && record.refusals.length === 0) {
    if (options.giveUp.aborted) return record;
    await pause(pauseMs);
    await send(record, options);
  }
  if (repeats === 'always') await send(record, options);
  return record;
}

async function send(
  record: RequestRecord,
  { orchestratorUrl }: Pick<ClientOptions, 'orchestratorUrl'>,
): Promise<void> {
  const { form, saga, groupIds, idempotencyKey } = record;
  const inputs = groupIds.map((groupId) => ({ groupId }));
  record.sent++;
  let response: Response;
  let body: { id?: string; batchId?: string; code?: string };
  try {
    response = await fetch(`${orchestratorUrl}/v1/sagas${form === 'batch' ? '/batch' : ''}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
      },
      body: JSON.stringify(form === 'batch' ? { saga, inputs } : { saga, input: inputs[0] }),
      signal: AbortSignal.timeout(patienceMs),
    });
    body = (await response.json()) as typeof body;
  } catch (error) {
    record.silences.push(reasonOf(error));
    return;
  }
  // 429: nothing of it was accepted, and it is asked to come again; an earlier attempt may have been.
  const comesAgain = response.status === 429 || response.status >= 500;
  if (comesAgain) record.silences.push(`${response.status} ${body.code ?? ''}`);
  else if (response.status !== 202 || body.batchId === undefined)
    record.refusals.push(`${response.status} ${JSON.stringify(body).slice(0, 200)}`);
  else {
    record.batchIds.push(body.batchId);
    if (body.id !== undefined) record.sagaIds.push(body.id);
  }
}

function reasonOf(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') return 'no answer in time';
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'connection lost';
}
