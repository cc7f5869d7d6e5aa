import type { Sql } from '@reliable-ops/database';

/** How the log stands right now: what gauges show. */
export interface LogMeasures {
  queued: number;
  running: number;
  compensating: number;
  /** Of the compensating ones. */
  stuck: number;
  /** Running ones whose deadline has passed: they turn back at the next failure, which should have come. */
  pastDeadline: number;
  /** Milliseconds since the oldest saga that has not ended was accepted; 0: there is none. */
  oldestActiveMs: number;
  /** Lanes in which at least one saga waits for another. */
  lanesWaiting: number;
  /** By participant; one that is owed nothing is left out. `overdue`: rows that are due since more than `graceMs`. */
  outbox: { participant: string; rows: number; overdue: number; oldestOverdueMs: number }[];
  /** Participants whose queue an operator has paused. */
  paused: string[];
  /** Milliseconds since recovery's lease ran out: 0 while somebody holds it; before anybody ever has, the age of the log. */
  recoveryLapsedMs: number;
  /** Milliseconds since the last maintenance pass; null: none yet. */
  maintenanceAgeMs: number | null;
}

/**
 * Measures the log in one statement, so at one moment. Reads the sagas that have not ended, by the index that leaves out the
 * completed and by nothing else (count-active.ts says why), and the whole outbox, a row a job. Locks nothing.
 */
export async function measureLog(sql: Sql, graceMs: number): Promise<LogMeasures> {
  const answers: LogMeasures[][] = await sql.begin((tx) => [
    tx<never[]>`set local enable_bitmapscan = off`,
    tx<never[]>`set local enable_seqscan = off`,
    tx<never[]>`set local max_parallel_workers_per_gather = 0`,
    tx<LogMeasures[]>`
    with active as materialized (
      select status, stuck, deadline_at, accepted_at from saga.sagas
      where status <> 'completed' and status in ('queued', 'running', 'compensating')
    ), waiting as (
      select distinct key from saga.sagas where status = 'queued'
    ), owed as (
      select participant, count(*)::int as rows,
        count(*) filter (where due_at < now() - ${graceMs} * interval '1 ms')::int as overdue,
        greatest(0, extract(epoch from now() - min(due_at)) * 1000)::float8 as "oldestOverdueMs"
      from saga.outbox group by participant
    )
    select
      count(*) filter (where status = 'queued')::int as queued,
      count(*) filter (where status = 'running')::int as running,
      count(*) filter (where status = 'compensating')::int as compensating,
      count(*) filter (where stuck)::int as stuck,
      count(*) filter (where status = 'running' and deadline_at < now())::int as "pastDeadline",
      coalesce(greatest(0, extract(epoch from now() - min(accepted_at)) * 1000), 0)::float8 as "oldestActiveMs",
      (select count(*)::int from waiting) as "lanesWaiting",
      coalesce((select jsonb_agg(to_jsonb(owed)) from owed), '[]') as outbox,
      array(select participant from saga.pauses) as paused,
      (
        select greatest(0, extract(epoch from now() - coalesce(
          (select until from saga.leases where name = 'recovery'), incarnation.created_at)) * 1000)::float8
        from saga.incarnation limit 1
      ) as "recoveryLapsedMs",
      (
        select greatest(0, extract(epoch from now() - taken_at) * 1000)::float8
        from saga.watermarks order by taken_at desc limit 1
      ) as "maintenanceAgeMs"
    from active`,
  ]);
  return answers.at(-1)![0]!;
}
