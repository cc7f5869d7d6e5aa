import { limits, sagaStatus } from '@reliable-ops/contracts';
import type { SagaQuery } from '@reliable-ops/saga';
import { z } from 'zod';
import { badRequest } from '../problem.ts';

const text = z
  .string()
  .max(2_000)
  .refine((value) => !value.includes('\0'), 'must not hold a NUL character');

/** GET /v1/events */
export const sagaFilter = z.strictObject({
  status: sagaStatus.optional(),
  saga: text.optional(),
  key: text.optional(),
});

/** GET /v1/sagas */
export const sagaParameters = sagaFilter.extend({
  stuck: z.enum(['true', 'false']).optional(),
  limit: z
    .string()
    .regex(/^\d{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(limits.pageSagas))
    .default(50),
  cursor: z
    .string()
    .transform(decodeCursor)
    .refine((id) => id !== undefined, 'must be the cursor of a page before')
    .optional(),
});

/** The query string by `schema`. 400 names the parameter that is wrong. */
export function parseQuery<Schema extends z.ZodObject>(
  schema: Schema,
  given: Record<string, string[]>,
): z.infer<Schema> {
  const single: Record<string, string | undefined> = {};
  for (const [name, values] of Object.entries(given)) {
    if (values.length > 1) throw badRequest(name, `${name}: is given more than once`);
    single[name] = values[0];
  }
  const parsed = schema.safeParse(single);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.code === 'unrecognized_keys' ? issue.keys[0]! : issue.path.join('.');
  const message =
    issue.code === 'unrecognized_keys'
      ? `no such parameter; there are ${Object.keys(schema.shape).join(', ')}`
      : issue.message;
  throw badRequest(field, `${field}: ${message}`);
}

/** The query string of GET /v1/sagas as a question to the log. */
export function parseSagaQuery(given: Record<string, string[]>): SagaQuery {
  const { status, saga, key, stuck, limit, cursor } = parseQuery(sagaParameters, given);
  return {
    limit,
    ...(status === undefined ? {} : { status }),
    ...(saga === undefined ? {} : { name: saga }),
    ...(key === undefined ? {} : { key }),
    ...(stuck === undefined ? {} : { stuck: stuck === 'true' }),
    ...(cursor === undefined ? {} : { before: cursor }),
  };
}

/** Opaque to clients: the id of the last saga that they have seen. */
export const encodeCursor = (id: number): string => Buffer.from(`<${id}`).toString('base64url');

function decodeCursor(cursor: string): number | undefined {
  const [, digits] = /^<(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  const id = Number(digits ?? NaN);
  return Number.isSafeInteger(id) ? id : undefined;
}
