import { Counter, type Registry } from 'prom-client';

/** Counts jobs that could not be ended, on their way to `onFailed`. */
export function measureFailedJobs(
  registry: Registry,
  onFailed: (error: Error) => void,
): (error: Error) => void {
  const failed = new Counter({
    name: 'rops_jobs_failed_total',
    help: 'Times that a job could not be ended: its outcomes were not committed, and it comes again',
    registers: [registry],
  });
  return (error) => {
    failed.inc();
    onFailed(error);
  };
}
