import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { writeAnnouncement } from '../announcement.ts';
import type { Entry } from '../command.ts';
import { readResult, writeResult } from '../entry-result.ts';
import type { JobQueue } from '../queue.ts';

/** All keys of ours in Redis begin with it; the braces keep them on one shard of a Redis Cluster. */
export const queuePrefix = '{rops}';
const markerKey = `${queuePrefix}:incarnation`;
/** Where `announce` is heard. */
export const changesChannel = `${queuePrefix}:changes`;

/** Results wait here for those of their siblings, a hash a family: by entry, '' once it was taken back. */
const familyKey = ({ items }: Entry): string => `${queuePrefix}:siblings:${items[0]![0]}`;
/** Milliseconds after which what is left of a family goes: nobody waits as long. */
const familyKeptMs = 10_000;
const handOverScript = `
  redis.call('hdel', KEYS[1], ARGV[1])
  if redis.call('hlen', KEYS[1]) + 1 < tonumber(ARGV[3]) then
    redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
    redis.call('pexpire', KEYS[1], ARGV[4])
    return false
  end
  local others = redis.call('hvals', KEYS[1])
  redis.call('del', KEYS[1])
  return others`;
const takeBackScript = `
  local result = redis.call('hget', KEYS[1], ARGV[1])
  if not result or result == '' then return 0 end
  redis.call('hset', KEYS[1], ARGV[1], '')
  return 1`;

/** Data of a job. Its name is the kind of its commands, its id that of its outbox row, its queue that of the participant. */
export type JobData = Pick<Entry, 'step' | 'phase' | 'attempt' | 'items' | 'siblings'>;

/** Jobs that ended stay for a while, so that Bull Board can tell the story; an id never comes again. */
const keptJobs = { removeOnComplete: { count: 200 }, removeOnFail: { count: 1_000 } };

/** About so many of a queue's events stay in Redis: nobody reads them, and BullMQ writes them all the same. */
const keptEvents = 1_000;

export interface BullmqQueue extends JobQueue, AsyncDisposable {
  /** One a participant; for Bull Board and for counting. */
  queues: Map<string, Queue<JobData>>;
  /** Whether Redis answers right now. */
  isConnected(): boolean;
  redis: Redis;
}

/** The queue in BullMQ: one queue a participant, so that a slow node delays only itself. Does not wait for Redis. */
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
    participants.map((name) => {
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
  const queueOf = ({ participant }: Entry): Queue<JobData> => {
    const queue = queues.get(participant);
    if (!queue) throw new Error(`no queue for participant "${participant}"`);
    return queue;
  };
  const refuseWhenAway = (): void => {
    // BullMQ waits for a connection that was never there; we would rather let recovery do it.
    if (redis.status !== 'ready') throw new Error('Redis is away');
  };

  return {
    queues,
    redis,
    isConnected: () => redis.status === 'ready',

    async add(entries, now) {
      refuseWhenAway();
      await Promise.all(
        [...groupByQueue(entries, queueOf)].map(([queue, own]) =>
          queue.addBulk(
            own.map(({ id, kind, step, phase, attempt, items, siblings, dueAt }) => ({
              name: kind,
              data: {
                step,
                phase,
                attempt,
                items,
                ...(siblings === undefined ? {} : { siblings }),
              },
              opts: { jobId: id, delay: Math.max(0, dueAt - now) },
            })),
          ),
        ),
      );
    },

    async findMissing(entries) {
      refuseWhenAway();
      if (entries.length === 0) return [];
      const pipeline = redis.pipeline();
      for (const entry of entries)
        pipeline.hmget(queueOf(entry).toKey(entry.id), 'timestamp', 'finishedOn');
      const answers = (await pipeline.exec()) ?? [];
      const missing: Entry[] = [];
      for (const [index, entry] of entries.entries()) {
        const [error, fields] = answers[index] ?? [new Error('no answer'), null];
        if (error) throw error;
        const [timestamp, finishedOn] = fields as [string | null, string | null];
        if (timestamp !== null && finishedOn === null) continue;
        missing.push(entry);
      }
      return missing;
    },

    async withdraw(entries) {
      refuseWhenAway();
      // A job under way is locked, and stays.
      await Promise.all(entries.map((entry) => queueOf(entry).remove(entry.id)));
    },

    async pauseOnly(paused) {
      refuseWhenAway();
      const isWanted = new Set(paused);
      await Promise.all(
        [...queues].map(async ([name, queue]) => {
          if ((await queue.isPaused()) === isWanted.has(name)) return;
          await (isWanted.has(name) ? queue.pause() : queue.resume());
        }),
      );
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
    async handOver(result) {
      refuseWhenAway();
      const { entry } = result;
      const others = (await redis.eval(
        handOverScript,
        1,
        familyKey(entry),
        entry.id,
        writeResult(result),
        entry.siblings ?? 1,
        familyKeptMs,
      )) as string[] | null;
      if (!others) return null;
      const left = others.flatMap((text) => (text === '' ? [] : (readResult(text, entry) ?? [])));
      return [...left, result];
    },
    async isTaken(entry) {
      refuseWhenAway();
      return (await redis.hexists(familyKey(entry), entry.id)) === 0;
    },
    async takeBack(entry) {
      refuseWhenAway();
      return (await redis.eval(takeBackScript, 1, familyKey(entry), entry.id)) === 1;
    },

    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all([...queues.values()].map((queue) => queue.close().catch(() => {})));
      redis.disconnect();
    },
  };
}

function groupByQueue<Q>(entries: Entry[], queueOf: (entry: Entry) => Q): Map<Q, Entry[]> {
  const groups = new Map<Q, Entry[]>();
  for (const entry of entries) {
    const queue = queueOf(entry);
    const group = groups.get(queue);
    if (group) group.push(entry);
    else groups.set(queue, [entry]);
  }
  return groups;
}
