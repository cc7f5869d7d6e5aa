import type { FailedLine } from '@reliable-ops/contracts';
import type { ZodType } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { ContractError, RefusedError, UnreachableError } from './errors.ts';
import { openStream } from './open-stream.ts';
import type { Call } from './transport.ts';

/** Silence after which nobody is there any more. The orchestrator says something every second. */
const idleLimitMs = 15_000;

/** The lines of an answer in NDJSON that grows. A line that says that it failed is thrown, as is what `openStream` throws. */
export async function* streamLines<Line extends { type: string }>(
  endpoint: Endpoint,
  signal: AbortSignal,
  call: Pick<Call, 'path' | 'body'>,
  schema: ZodType<Line | FailedLine>,
  idleMs = idleLimitMs,
): AsyncGenerator<Line, void> {
  const url = new URL(call.path, endpoint.url).href;
  let text = '';
  for await (const chunk of openStream(endpoint, signal, call, idleMs)) {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) yield parseLine(line, schema, url);
  }
}

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
