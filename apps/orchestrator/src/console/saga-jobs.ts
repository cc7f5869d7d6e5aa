import type { Sql } from '@reliable-ops/database';
import {
  readJob as readEntries,
  stagesQueue,
  type BullmqQueue,
  type Entry,
} from '@reliable-ops/saga';
import { postgresPatienceMs, within } from '../within.ts';

/** A job on a queue. */
export interface SagaJob {
  id: string;
  queue: string;
  /** Kind of its commands. */
  kind: string;
  /** When it is, or was, to be carried out; milliseconds since 1970. */
  dueAt: number;
  /** Whether the outbox still owes it. */
  isOwed: boolean;
}

/** Jobs that one page shows, and rows of the outbox that are looked for. */
const mostJobs = 50;
/** Milliseconds for those that have ended: Redis keeps some hundred a queue, and they are looked through. */
const lookLimitMs = 2_000;

/** The jobs that carry commands of a saga: those that are owed, and of those that ended the ones that the queue still keeps. */
export async function findJobsOf(
  { sql, queue }: { sql: Sql; queue: Pick<BullmqQueue, 'queues' | 'isConnected' | 'redis'> },
  sagaId: number,
): Promise<{ jobs: SagaJob[]; isWhole: boolean }> {
  // Reads the whole outbox, which holds only what is under way.
  const owed = await within(
    postgresPatienceMs,
    sql<OwedRow[]>`
      select id, participant, kind, due_at as due, job from saga.outbox
      where exists (
        select from json_array_elements(items) as item where (item ->> 0)::bigint = ${sagaId}::bigint
      )
      order by due_at limit ${mostJobs}`,
  );
  const alone = await within(lookLimitMs, findAlone(queue, owed)).catch(() => new Set<string>());
  const jobs = owed.map(({ id, participant, kind, due, job }): SagaJob => ({
    ...(job === null || alone.has(id)
      ? { id, queue: participant }
      : { id: job, queue: stagesQueue }),
    kind,
    dueAt: due.getTime(),
    isOwed: true,
  }));
  try {
    const ended = await within(lookLimitMs, findEnded(queue, sagaId));
    return { jobs: withoutRepeats([...jobs, ...ended]).slice(0, mostJobs), isWhole: true };
  } catch {
    return { jobs: withoutRepeats(jobs), isWhole: false };
  }
}

interface OwedRow {
  id: string;
  participant: string;
  kind: string;
  due: Date;
  job: string | null;
}

/** Of rows, those that have a job of their own: they have left the one that they shared. */
async function findAlone(
  { queues, isConnected, redis }: Pick<BullmqQueue, 'queues' | 'isConnected' | 'redis'>,
  rows: OwedRow[],
): Promise<Set<string>> {
  if (!isConnected()) throw new Error('Redis is away');
  const isThere = await Promise.all(
    rows.map(async ({ id, participant }) => {
      const queue = queues.get(participant);
      return queue !== undefined && (await redis.exists(queue.toKey(id))) === 1;
    }),
  );
  return new Set(rows.filter((_, n) => isThere[n]).map(({ id }) => id));
}

/** Siblings have one job. The first stays. */
const withoutRepeats = (jobs: SagaJob[]): SagaJob[] =>
  [...new Map(jobs.toReversed().map((job) => [job.id, job])).values()].toReversed();

async function findEnded(
  { queues, isConnected, redis }: Pick<BullmqQueue, 'queues' | 'isConnected' | 'redis'>,
  sagaId: number,
): Promise<SagaJob[]> {
  if (!isConnected()) throw new Error('Redis is away');
  // As text: parsing some hundred batches would hold up whoever else is served.
  const mention = `[${sagaId},"`;
  const found = await Promise.all(
    [...queues].map(async ([name, queue]) => {
      const sets = ['completed', 'failed'].map((state) =>
        redis.zrevrange(queue.toKey(state), 0, -1),
      );
      const ids = (await Promise.all(sets)).flat();
      const own: SagaJob[] = [];
      for (const id of ids) {
        const fields = await redis.hmget(queue.toKey(id), 'data', 'name', 'timestamp', 'delay');
        const [data, kind, timestamp, delay] = fields;
        if (data == null || kind == null || !data.includes(mention)) continue;
        const dueAt = Number(timestamp) + Number(delay ?? 0);
        own.push({ id, queue: name, kind, dueAt, isOwed: false });
      }
      return own;
    }),
  );
  return found.flat().sort((one, other) => one.dueAt - other.dueAt);
}

/** The entries of a job; undefined where the queue does not have it, or no longer. */
export async function readJob(
  { queues, isConnected }: Pick<BullmqQueue, 'queues' | 'isConnected'>,
  name: string,
  id: string,
): Promise<{ kind: string; entries: Entry[] } | undefined> {
  const queue = queues.get(name);
  if (!queue || !isConnected()) return undefined;
  const job = await within(lookLimitMs, queue.getJob(id));
  if (!job) return undefined;
  return { kind: job.name, entries: readEntries(job.data, job.timestamp + job.delay) };
}
