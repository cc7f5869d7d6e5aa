import { setMaxListeners } from 'node:events';
import { Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import type { Engine } from '../engine.ts';
import { stagesQueue } from '../queue.ts';
import { queuePrefix, readJob, type JobData } from './job-queue.ts';

export interface JobWorkersOptions {
  redisUrl: string;
  participants: string[];
  engine: Engine;
  /** Jobs under way at once, of each queue. */
  concurrency: number;
  /** Milliseconds after which a dead worker's jobs are handed to another. */
  lockMs: number;
  /** A connection's complaint. */
  onError(error: Error): void;
  /** Why a job could not be ended; it comes again. */
  onFailed(error: Error): void;
}

export interface JobWorkers {
  /** Takes no new job; waits up to `deadlineMs` for those in hand, then hands the rest back to the queue. */
  stop(deadlineMs: number): Promise<void>;
}

/** A job that stalls this often may be what kills its workers: it is not run again, but halved. */
const poisonousStalls = 3;
/** Upper bound of the wait before a job whose outcomes could not be committed runs again, in milliseconds. */
const infrastructureCapMs = 5_000;

class HandedBackError extends Error {
  override readonly name = 'HandedBackError';
}

/** Works the queues of some participants, and the one that they share: one BullMQ worker each. */
export function startJobWorkers(options: JobWorkersOptions): JobWorkers {
  const { redisUrl, participants, engine, concurrency, lockMs, onError, onFailed } = options;
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  redis.on('error', onError);

  const handBack = new AbortController();
  setMaxListeners(0, handBack.signal); // one a job in hand
  /** Not one promise that all jobs race with: it would keep every job that ever won. */
  const unlessHandedBack = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal } = handBack;
      const giveUp = (): void =>
        reject(new HandedBackError('this worker stops: another one takes the job'));
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp);
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
    });

  const process = async (job: Job<JobData>): Promise<string> => {
    if (!job.data.entries) return 'an older version has sent it: recovery adds what is still owed';
    const entries = readJob(job.data, job.timestamp + job.delay);
    if (job.stalledCounter >= poisonousStalls) {
      const failure = `the job stalled ${job.stalledCounter} times`;
      await engine.failJob(entries, failure);
      return failure;
    }
    return unlessHandedBack(engine.runJob(entries));
  };

  const workers = [...participants, stagesQueue].map((name) => {
    const worker = new Worker<JobData, string>(name, process, {
      connection: redis,
      prefix: queuePrefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      maxStalledCount: 1_000_000,
      settings: {
        backoffStrategy: (attempt, _type, error) =>
          error instanceof HandedBackError
            ? 0
            : Math.random() * Math.min(infrastructureCapMs, 100 * 2 ** Math.min(attempt ?? 1, 10)),
      },
    });
    worker.on('error', onError);
    worker.on('failed', (_job, error) => {
      if (!(error instanceof HandedBackError)) onFailed(error);
    });
    return worker;
  });

  return {
    async stop(deadlineMs) {
      const deadline = setTimeout(() => handBack.abort(), deadlineMs);
      await Promise.all(workers.map((worker) => worker.close()));
      clearTimeout(deadline);
      redis.disconnect();
    },
  };
}
