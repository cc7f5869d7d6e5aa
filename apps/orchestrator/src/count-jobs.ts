import type { BullmqQueue, JobCounts } from '@reliable-ops/saga';

/** The jobs of each queue, by its name. Throws where Redis is away. */
export async function countJobs({
  queues,
  countJobs: count,
}: Pick<BullmqQueue, 'queues' | 'countJobs'>): Promise<Record<string, JobCounts>> {
  const names = [...queues.keys()];
  const counts = await Promise.all(names.map((name) => count(name)));
  return Object.fromEntries(names.map((name, n) => [name, counts[n]!]));
}
