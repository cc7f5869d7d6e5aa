import type { FailedLine } from '@reliable-ops/contracts';
import type { ZodType } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { CliError, ContractError, RefusedError, UnreachableError } from './errors.ts';
import { interruption } from './pause.ts';
import {
  checkStatus,
  describeError,
  describeStatus,
  describeUnreachable,
  httpOf,
  passingStatuses,
  type Call,
} from './transport.ts';

/** Silence after which nobody is there any more. The orchestrator says something every second. */
const idleLimitMs = 15_000;

/**
 * One call whose answer is NDJSON that grows; it may take as long as it likes, so long as lines come. A line that says
 * that it failed is thrown, as is what `createTransport` throws. Whoever stops reading ends the call.
 */
export async function* streamLines<Line extends { type: string }>(
  endpoint: Endpoint,
  signal: AbortSignal,
  { path, body }: Pick<Call, 'path' | 'body'>,
  schema: ZodType<Line | FailedLine>,
  idleMs = idleLimitMs,
): AsyncGenerator<Line, void> {
  const idle = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const hear = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(new DOMException('', 'TimeoutError')), idleMs);
  };
  let reached = false;
  try {
    hear();
    const response = await httpOf(endpoint, false)(path, {
      method: body === undefined ? 'get' : 'post',
      ...(body === undefined ? {} : { json: body }),
      signal: AbortSignal.any([signal, idle.signal]),
    });
    reached = true;
    const { status, headers } = response;
    const url = new URL(path, endpoint.url).href;
    if (!response.ok || !response.body) {
      const answer = { url, status, headers, text: await response.text() };
      if (passingStatuses.has(status)) throw away(endpoint, describeStatus(answer).reason, true);
      checkStatus(answer, endpoint);
    }
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      hear();
      const lines = (text + decoder.decode(chunk, { stream: true })).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) yield parseLine(line, schema, url);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (signal.aborted) throw interruption(signal);
    const cause: unknown = idle.signal.aborted ? idle.signal.reason : error;
    throw away(endpoint, describeError(cause, reached).reason, reached);
  } finally {
    clearTimeout(timer);
  }
}

const away = (endpoint: Endpoint, reason: string, reached: boolean): UnreachableError =>
  new UnreachableError(describeUnreachable(endpoint, reason, reached));

function parseLine<Line extends { type: string }>(
  text: string,
  schema: ZodType<Line | FailedLine>,
  url: string,
): Line {
  let parsed;
  try {
    parsed = schema.safeParse(JSON.parse(text));
  } catch {
    parsed = undefined;
  }
  if (!parsed?.success)
    throw new ContractError(`${url} did not answer as an orchestrator of this version does`);
  const line = parsed.data;
  if (!isFailed(line)) return line;
  const { code, detail } = line;
  if (code !== 'INTERNAL')
    throw new UnreachableError(`the orchestrator could not go on: ${detail}`);
  throw new RefusedError({ type: 'about:blank', title: code, status: 500, detail, code });
}

const isFailed = (line: { type: string }): line is FailedLine => line.type === 'failed';

/** A line's own part. */
export function withoutType<Line extends { type: string }>({
  type: _type,
  ...own
}: Line): Omit<Line, 'type'> {
  return own;
}
