import type { Sql } from '@reliable-ops/database';

/** Milliseconds since the newest watermark, by Postgres's clock; undefined where there is none. */
export async function measureWatermarkAge(sql: Sql): Promise<number | undefined> {
  const [row] = await sql<{ ageMs: number | null }[]>`
    select (extract(epoch from clock_timestamp() - max(taken_at)) * 1000)::float8 as "ageMs" from saga.watermarks`;
  return row!.ageMs ?? undefined;
}

/**
 * Notes the newest fence drawn by now. The time is read after the fence, and rounded up (the column keeps
 * milliseconds): whoever drew this fence, or an older one, had begun his transaction before `taken_at`.
 */
export async function takeWatermark(sql: Sql): Promise<void> {
  await sql`
    insert into saga.watermarks (taken_at, fence)
    select clock_timestamp() + interval '1 millisecond', fence
    from (
      select case when is_called then last_value else last_value - 1 end as fence from saga.fences offset 0
    ) as drawn
    on conflict (taken_at) do nothing`;
}

/**
 * The fence up to which every token is older than `minAgeMs` and of a saga that has ended; undefined where no watermark
 * is that old. Removes the watermarks that are older than the one it stands on.
 *
 * A fence drawn before the watermark, by a transaction that is still open, belongs to a saga that nobody can see
 * yet. So a watermark counts only once no transaction is open that began before it; and the sagas that have not
 * ended are looked at in a later statement, whose snapshot has all that those transactions committed. (Postgres
 * takes a transaction out of pg_stat_activity after it has made it visible. All processes share one role: of
 * another's, it would not show when they began.)
 */
export async function readOldFence(sql: Sql, minAgeMs: number): Promise<number | undefined> {
  const [watermark] = await sql<{ takenAt: string; fence: number }[]>`
    select taken_at::text as "takenAt", fence from saga.watermarks w
    where taken_at < clock_timestamp() - ${minAgeMs} * interval '1 millisecond'
      and not exists (
        select from pg_stat_activity other
        where other.datname = current_database() and other.pid <> pg_backend_pid() and other.xact_start <= w.taken_at
      )
    order by taken_at desc limit 1`;
  if (!watermark) return undefined;
  const [active] = await sql<{ fence: number | null }[]>`
    select min(fence) as fence from saga.sagas
    where status <> 'completed' and status in ('running', 'compensating')`;
  await sql`delete from saga.watermarks where taken_at < ${watermark.takenAt}::text::timestamptz`;
  return active!.fence === null ? watermark.fence : Math.min(watermark.fence, active!.fence - 1);
}
