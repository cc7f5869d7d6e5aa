import { limits } from '@reliable-ops/contracts';
import { limitBody } from '@reliable-ops/runtime';
import type { Context } from 'hono';
import { badRequest, ProblemError } from './problem.ts';

const endedEarly = (cause: unknown): ProblemError =>
  new ProblemError(400, 'INVALID_REQUEST', 'the body ended early', { field: 'body', cause });

/** 413 for a body that is too large. */
export const limitBodies = limitBody({
  maxBytes: limits.requestBytes,
  answerTooLarge: (_context, headers) => {
    throw new ProblemError(
      413,
      'TOO_LARGE',
      `a request may have ${limits.requestBytes} bytes: send it in parts`,
      { headers },
    );
  },
  endedEarly,
});

export const jsonType = 'application/json';
export const jsonLinesTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** The body's media type, one of `accepted`; else 415. */
export function mediaTypeOf({ req }: Context, accepted: string[]): string {
  const [type = '', ...parameters] = (req.header('content-type') ?? '').toLowerCase().split(';');
  const charset = parameters.join(';').match(/charset\s*=\s*"?([^\s";]+)/)?.[1] ?? 'utf-8';
  const encoding = req.header('content-encoding') ?? 'identity';
  if (!accepted.includes(type.trim()) || !/^utf-?8$/.test(charset) || encoding !== 'identity')
    throw new ProblemError(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      `Content-Type must be ${accepted.join(' or ')}, in UTF-8, not compressed`,
      { field: 'Content-Type', headers: { Accept: accepted.join(', ') } },
    );
  return type.trim();
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The body as text. A byte that is no UTF-8 is refused: replaced, it would make another id of it. */
export async function readText({ req }: Context): Promise<string> {
  let bytes: ArrayBuffer;
  try {
    bytes = await req.arrayBuffer();
  } catch (cause) {
    throw endedEarly(cause);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('body', 'body: is not UTF-8');
  }
}

/** `place` says where it stands, in front of the message. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(place, `${place}: is not JSON (${(error as Error).message.slice(0, 200)})`);
  }
}

/** With headers that stay a plain object, which @hono/node-server writes as it is: `context.json` makes a Headers of more than one. */
export const jsonResponse = (
  body: unknown,
  status: number,
  headers: Record<string, string>,
): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': jsonType, ...headers },
  });
