import { limits, sagaStatus } from '@reliable-ops/contracts';
import type { SagaQuery } from '@reliable-ops/saga';
import { z } from 'zod';
import { badRequest } from '../problem.ts';

const text = z
  .string()
  .max(2_000)
  .refine((value) => !value.includes('\0'), 'must not hold a NUL character');

const parameters = z.strictObject({
  status: sagaStatus.optional(),
  saga: text.optional(),
  key: text.optional(),
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

/** GET /v1/sagas: the query string as a question to the log. 400 names the parameter that is wrong. */
export function parseSagaQuery(given: Record<string, string[]>): SagaQuery {
  const single: Record<string, string | undefined> = {};
  for (const [name, values] of Object.entries(given)) {
    if (values.length > 1) throw badRequest(name, `${name}: is given more than once`);
    single[name] = values[0];
  }
  const parsed = parameters.safeParse(single);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const field = issue.code === 'unrecognized_keys' ? issue.keys[0]! : issue.path.join('.');
    const message =
      issue.code === 'unrecognized_keys'
        ? `no such parameter; there are ${Object.keys(parameters.shape).join(', ')}`
        : issue.message;
    throw badRequest(field, `${field}: ${message}`);
  }
  const { status, saga, key, stuck, limit, cursor } = parsed.data;
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
