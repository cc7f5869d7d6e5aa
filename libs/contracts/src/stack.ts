import { z } from 'zod';

/** `.local/stack.json`: what the local stack runs. It goes on a clean stop. */
export const stackFile = z.object({
  processes: z.array(
    z.object({ name: z.string(), pid: z.int().nullable(), url: z.string().nullable() }),
  ),
});
export type StackFile = z.infer<typeof stackFile>;
