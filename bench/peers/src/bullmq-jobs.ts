import type { JobsOptions } from 'bullmq';

/** Jobs go when they are done, as the documentation recommends for throughput; failed calls come again soon and without end. */
export const jobOptions: JobsOptions = {
  attempts: 1_000,
  backoff: { type: 'fixed', delay: 10 },
  removeOnComplete: true,
  removeOnFail: false,
};
