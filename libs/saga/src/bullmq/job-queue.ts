import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { writeAnnouncement } from '../announcement.ts';
import type { CommandItem, Entry } from '../command.ts';
import { stagesQueue, type JobQueue } from '../queue.ts';

/** All keys of ours in Redis begin with it; the braces keep them on one shard of a Redis Cluster. */
export const queuePrefix = '{rops}';
const markerKey = `${queuePrefix}:incarnation`;
/** Where `announce` is heard. */
export const changesChannel = `${queuePrefix}:changes`;

/** Remembers which jobs are under way, unless it has already: the dash says that it has, also where there are none. */
const rememberScript = `
  if redis.call('exists', KEYS[2]) == 0 then
    redis.call('rpush', KEYS[2], '-', unpack(redis.call('lrange', KEYS[1], 0, -1)))
  end`;

/** Data of a job. Its name is the kind of its commands. */
export interface JobData {
  /** Rows of the outbox; those without items have the job's. */
  entries: (Omit<Entry, 'items' | 'dueAt' | 'job'> & { items?: CommandItem[] })[];
  items: CommandItem[];
}

/** A job's data. */
export function writeJob(job: Entry[]): JobData {
  const { items } = job[0]!;
  const isShared = (other: CommandItem[]): boolean =>
    other.length === items.length && other.every((item, n) => item === items[n]);
  return {
    entries: job.map(({ items: own, dueAt: _due, job: _job, ...entry }) =>
      isShared(own) ? entry : { ...entry, items: own },
    ),
    items,
  };
}

export const readJob = ({ entries, items }: JobData, dueAt: number): Entry[] =>
  entries.map((entry) => ({ items, ...entry, dueAt }));

/** Jobs that ended stay for a while, so that Bull Board can tell the story; an id never comes again. */
const keptJobs = { removeOnComplete: { count: 200 }, removeOnFail: { count: 1_000 } };

/** Seconds after which an entry that has left the job of its siblings counts as back, whatever became of its worker. */
const partedKeptSeconds = 60;

/** About so many of a queue's events stay in Redis: nobody reads them, and BullMQ writes them all the same. */
const keptEvents = 1_000;

export interface BullmqQueue extends JobQueue, AsyncDisposable {
  /** One a participant, and the one that they share; for Bull Board and for counting. */
  queues: Map<string, Queue<JobData>>;
  /**
   * Jobs in one of the queues. `active`: with the entries that have left the job of their siblings and are still under way, and, where the
   * participant is paused, with the jobs that siblings share and that had been begun before.
   */
  countJobs(name: string): Promise<JobCounts>;
  /** Whether Redis answers right now. */
  isConnected(): boolean;
  redis: Redis;
}

export interface JobCounts {
  waiting: number;
  active: number;
  delayed: number;
}

/**
 * The queue in BullMQ: one queue a participant, so that a slow node delays only itself, and one for what is sent to several at once. Does
 * not wait for Redis.
 */
export function createBullmqQueue(
  redisUrl: string,
  participants: string[],
  onError: (error: Error) => void,
): BullmqQueue {
  // A publisher must not hang when Redis is away: it fails at once, and recovery publishes later.
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  redis.on('error', onError);
  let closed = false;
  const queues = new Map(
    [...participants, stagesQueue].map((name) => {
      const queue = new Queue<JobData>(name, {
        connection: redis,
        prefix: queuePrefix,
        streams: { events: { maxLen: keptEvents } },
        defaultJobOptions: {
          ...keptJobs,
          // The engine counts attempts; these are only for a job whose outcomes could not be committed.
          attempts: 1_000_000,
          backoff: { type: 'infrastructure' },
        },
      });
      queue.on('error', onError);
      // BullMQ never gets over a connection that breaks while it introduces itself: crash-only.
      queue.waitUntilReady().catch((error: unknown) => {
        if (!closed)
          process.nextTick(() => {
            throw error;
          });
      });
      return [name, queue] as const;
    }),
  );
  const queueOf = (name: string): Queue<JobData> => {
    const queue = queues.get(name);
    if (!queue) throw new Error(`no queue for participant "${name}"`);
    return queue;
  };
  /** Where an entry's job may be: its own, and the one that it shares. */
  const placesOf = ({ id, participant, job }: Entry): { queue: Queue<JobData>; id: string }[] => [
    { queue: queueOf(participant), id },
    ...(job === undefined ? [] : [{ queue: queueOf(stagesQueue), id: job }]),
  ];
  const sharedActive = (): string => queueOf(stagesQueue).toKey('active');
  /** Entries that have left the job of their siblings, and are still under way. */
  const partedFrom = (name: string): string => queueOf(name).toKey('parted');
  /** Shared jobs that were under way when the participant was paused: whoever begins one later asks first. */
  const begunBefore = (name: string): string => queueOf(name).toKey('begun-before-pause');
  const refuseWhenAway = (): void => {
    // BullMQ waits for a connection that was never there; we would rather let recovery do it.
    if (redis.status !== 'ready') throw new Error('Redis is away');
  };

  const add = async (jobs: Entry[][], now: number): Promise<void> => {
    refuseWhenAway();
    const byQueue = new Map<Queue<JobData>, Entry[][]>();
    for (const job of jobs) {
      const queue = queueOf(job.length === 1 ? job[0]!.participant : stagesQueue);
      const others = byQueue.get(queue);
      if (others) others.push(job);
      else byQueue.set(queue, [job]);
    }
    await Promise.all(
      [...byQueue].map(([queue, own]) =>
        queue.addBulk(
          own.map((job) => {
            const { id, kind, dueAt, job: shared } = job[0]!;
            return {
              name: kind,
              data: writeJob(job),
              opts: {
                jobId: job.length === 1 ? id : shared!,
                delay: Math.max(0, dueAt - now),
              },
            };
          }),
        ),
      ),
    );
  };

  return {
    queues,
    redis,
    isConnected: () => redis.status === 'ready',
    add,

    async part(entry, now) {
      refuseWhenAway();
      const key = partedFrom(entry.participant);
      await Promise.all([
        redis.sadd(key, entry.id),
        redis.expire(key, partedKeptSeconds),
        add([[entry]], now),
      ]);
    },

    async findMissing(entries) {
      refuseWhenAway();
      if (entries.length === 0) return [];
      const keysOf = (entry: Entry): string[] =>
        placesOf(entry).map(({ queue, id }) => queue.toKey(id));
      const pipeline = redis.pipeline();
      const keys = [...new Set(entries.flatMap(keysOf))];
      for (const key of keys) pipeline.hmget(key, 'timestamp', 'finishedOn');
      const answers = resultsOf(await pipeline.exec()) as [string | null, string | null][];
      const live = new Set(
        keys.filter((_, n) => {
          const [timestamp, finishedOn] = answers[n]!;
          return timestamp !== null && finishedOn === null;
        }),
      );
      return entries.filter((entry) => !keysOf(entry).some((key) => live.has(key)));
    },

    async withdraw(entries) {
      refuseWhenAway();
      // A job under way is locked, and stays.
      const places = new Map(
        entries.flatMap(placesOf).map((place) => [place.queue.toKey(place.id), place]),
      );
      await Promise.all([
        ...[...places.values()].map(({ queue, id }) => queue.remove(id)),
        ...entries.map(({ id, participant }) => redis.srem(partedFrom(participant), id)),
      ]);
    },

    async pauseOnly(paused) {
      refuseWhenAway();
      const isWanted = new Set(paused);
      await Promise.all(
        [...queues].map(async ([name, queue]) => {
          const isPaused = await queue.isPaused();
          if (isWanted.has(name)) {
            if (!isPaused) await queue.pause();
            await redis.eval(rememberScript, 2, sharedActive(), begunBefore(name));
          } else if (isPaused) {
            await queue.resume();
            await redis.del(begunBefore(name));
          }
        }),
      );
    },

    async findPaused(names) {
      refuseWhenAway();
      const pipeline = redis.pipeline().exists(markerKey);
      for (const name of names) pipeline.hexists(queueOf(name).toKey('meta'), 'paused');
      const [marker, ...paused] = resultsOf(await pipeline.exec());
      return { paused: new Set(names.filter((_, n) => paused[n])), isWhole: Boolean(marker) };
    },

    async countJobs(name) {
      refuseWhenAway();
      const [counts, parted, before, shared] = await Promise.all([
        queueOf(name).getJobCounts('waiting', 'active', 'delayed'),
        redis.scard(partedFrom(name)),
        redis.lrange(begunBefore(name), 0, -1),
        redis.lrange(sharedActive(), 0, -1),
      ]);
      const { waiting = 0, active = 0, delayed = 0 } = counts;
      const begun = new Set(before);
      const old = shared.filter((id) => begun.has(id)).length;
      return { waiting, active: active + parted + old, delayed };
    },

    async readMarker() {
      refuseWhenAway();
      return redis.get(markerKey);
    },
    async writeMarker(incarnation) {
      refuseWhenAway();
      await redis.set(markerKey, incarnation);
    },
    async announce(changed) {
      refuseWhenAway();
      await redis.publish(changesChannel, writeAnnouncement(changed));
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all([...queues.values()].map((queue) => queue.close().catch(() => {})));
      redis.disconnect();
    },
  };
}

/** What a pipeline has answered. Throws the first error among it. */
function resultsOf(answers: [Error | null, unknown][] | null): unknown[] {
  if (!answers) throw new Error('no answer');
  return answers.map(([error, result]) => {
    if (error) throw error;
    return result;
  });
}
