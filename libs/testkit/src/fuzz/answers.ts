import { batchAccepted, problem, sagaSummary } from '@reliable-ops/contracts';
import { describeRequest, type FuzzReply, type FuzzRequest } from './request.ts';

/** What the answers said, to be held against the tables afterwards. */
export interface AnswerRecord {
  statuses: Map<string, number>;
  findings: string[];
  /** Ids of groups in requests that may have been accepted: answered so, or not at all. */
  ids: Set<string>;
  /** Sagas by the batch that was answered. */
  batches: Map<string, number>;
  sagaIds: Set<number>;
  /** Batches by Idempotency-Key. */
  batchesByKey: Map<string, Set<string>>;
}

export const newAnswerRecord = (): AnswerRecord => ({
  statuses: new Map(),
  findings: [],
  ids: new Set(),
  batches: new Map(),
  sagaIds: new Set(),
  batchesByKey: new Map(),
});

/** What no request may do: a 5xx (but a 503 that says when to come again), an error in another shape than its API's. */
export function noteAnswer(
  record: AnswerRecord,
  sent: FuzzRequest,
  reply: FuzzReply | undefined,
): void {
  const name = `${sent.target} ${reply?.status ?? 'no answer'}`;
  record.statuses.set(name, (record.statuses.get(name) ?? 0) + 1);
  if (!reply || reply.status < 300) for (const id of idsIn(sent)) record.ids.add(id);
  if (!reply) {
    if (sent.isPartial !== true && (sent.body?.length ?? 0) < 1024 * 1024)
      record.findings.push(`cut without an answer: ${describeRequest(sent)}`);
    return;
  }
  const wrong = whatIsWrong(sent, reply);
  if (wrong !== undefined)
    record.findings.push(
      `${wrong}: ${describeRequest(sent)} -> ${reply.status} ${reply.text.slice(0, 300)}`,
    );
  if (sent.target === 'orchestrator' && sent.method === 'POST' && reply.status < 300)
    noteAccepted(record, sent, reply);
}

function whatIsWrong({ target, method }: FuzzRequest, reply: FuzzReply): string | undefined {
  const { status, headers, text } = reply;
  if (status >= 500 && !(status === 503 && headers['retry-after'] !== undefined)) return 'a 5xx';
  if (status === 429 && headers['retry-after'] === undefined) return 'a 429 without Retry-After';
  if (status < 400 || method === 'HEAD') return undefined;
  if (target === 'node-api') {
    const body = parse(text);
    const isShaped =
      isRecord(body) && typeof body['message'] === 'string' && body['status'] === status;
    return isShaped ? undefined : 'an error that is no {message,status}';
  }
  const isProblem = headers['content-type'] === 'application/problem+json';
  const checked = problem.safeParse(parse(text));
  return isProblem && checked.success && checked.data.status === status
    ? undefined
    : 'an error that is no problem+json';
}

function noteAccepted(record: AnswerRecord, sent: FuzzRequest, reply: FuzzReply): void {
  const body = parse(reply.text);
  const batch = batchAccepted.safeParse(body);
  const saga = sagaSummary.safeParse(body);
  if (batch.success) record.batches.set(batch.data.batchId, batch.data.accepted);
  else if (saga.success) record.sagaIds.add(Number(saga.data.id));
  else return;
  const batchId = batch.success ? batch.data.batchId : saga.data!.batchId;
  const key = sent.headers['idempotency-key'];
  if (key === undefined || batchId === null) return;
  record.batchesByKey.set(key, (record.batchesByKey.get(key) ?? new Set()).add(batchId));
}

/** Every groupId in the body, JSON or lines of JSON, as a server may read it. */
function idsIn({ body, bytes, path }: FuzzRequest): string[] {
  const text = (body ?? bytes ?? Buffer.alloc(0)).toString();
  if (bytes) return [...text.matchAll(/"groupId":"([^"]*)"/g)].map(([, id]) => id!);
  const ids: string[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isRecord(value))
      for (const [name, member] of Object.entries(value))
        if (name === 'groupId' && typeof member === 'string') ids.push(member);
        else collect(member);
  };
  for (const part of path.startsWith('/v1/sagas/batch') ? [text, ...text.split('\n')] : [text])
    collect(parse(part.replace(/^\ufeff/, '')));
  return ids;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
