import type { Context } from 'hono';
import type { z } from 'zod';
import { jsonType, mediaTypeOf, parseJson, readText } from '../body.ts';
import { badRequest } from '../problem.ts';

/** The body by `schema`; an empty one counts as `{}`, whatever its type. 400 names the field that is wrong. */
export async function readBody<Schema extends z.ZodType>(
  schema: Schema,
  context: Context,
): Promise<z.infer<Schema>> {
  const text = await readText(context);
  if (text !== '') mediaTypeOf(context, [jsonType]);
  const parsed = schema.safeParse(text === '' ? {} : parseJson(text, 'body'));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
  const field = path.length > 0 ? path.join('.') : 'body';
  throw badRequest(field, `${field}: ${issue.message}`);
}
