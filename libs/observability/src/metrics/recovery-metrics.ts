import type { RecoveryPass } from '@reliable-ops/saga';
import { Counter, type Registry } from 'prom-client';

/** Counts what a worker's recovery passes come to; answers the same passes. */
export function measureRecovery(
  registry: Registry,
  pass: () => Promise<RecoveryPass>,
): () => Promise<RecoveryPass> {
  const registers = [registry];
  const passes = new Counter({
    name: 'rops_recovery_passes_total',
    help: 'Looks for jobs that the queue has lost: made, left to the worker that holds the lease, or failed',
    labelNames: ['result'],
    registers,
  });
  const jobs = new Counter({
    name: 'rops_recovery_jobs_total',
    help: 'Jobs that the queue had lost, and that were added again',
    registers,
  });
  const rebuilds = new Counter({
    name: 'rops_recovery_rebuilds_total',
    help: 'Times that the queue had lost everything',
    registers,
  });
  return async () => {
    try {
      const made = await pass();
      passes.inc({ result: made.held ? 'made' : 'standby' });
      jobs.inc(made.added);
      // An empty queue is filled for the first time as well: that is no loss.
      if (made.rebuilt && made.added > 0) rebuilds.inc();
      return made;
    } catch (error) {
      passes.inc({ result: 'failed' });
      throw error;
    }
  };
}
