import { limitBody as limitBodyTo } from '@reliable-ops/runtime';
import type { MiddlewareHandler } from 'hono';
import type { z, ZodType } from 'zod';
import { type Environment, type RequestContext } from './environment.ts';
import { answerError, refusal, unreadableBody } from './errors.ts';

/** Refuses a body above `bytes` with 413. */
export const limitBody = (bytes: number): MiddlewareHandler<Environment> =>
  limitBodyTo({
    maxBytes: bytes,
    answerTooLarge: (c, headers) =>
      answerError(c, 413, `The body is larger than ${bytes} bytes.`, headers),
    endedEarly: (cause) => refusal(400, unreadableBody, cause),
  });

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The body as text, whatever its Content-Type says; a byte order mark is dropped. Throws 400 where it is no UTF-8. */
export async function readText(c: RequestContext): Promise<string> {
  const bytes = await c.req.arrayBuffer();
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw refusal(400, unreadableBody, cause);
  }
}

/** The body as JSON. Throws 400 where it is none. */
export async function readJson(c: RequestContext): Promise<unknown> {
  const text = await readText(c);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refusal(400, unreadableBody, cause);
  }
}

/** What `schema` makes of the body. Throws 400, which names the field that is wrong. */
export function checkBody<Schema extends ZodType>(body: unknown, schema: Schema): z.output<Schema> {
  const checked = schema.safeParse(body);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const field = issue?.path.map(String).join('.') || 'body';
  throw refusal(400, `${field}: ${issue?.message ?? 'is not valid'}`);
}
