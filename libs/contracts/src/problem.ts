import { z } from 'zod';

/** application/problem+json (RFC 9457). `detail` says what to do; `field` names the bad part of the input. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  field: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;
