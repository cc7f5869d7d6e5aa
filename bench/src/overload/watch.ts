import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '@reliable-ops/database';
import { readOwnMb } from '../meter.ts';

/** How the system stood at one moment. */
export interface Look {
  /** Milliseconds since the watch began. */
  atMs: number;
  /** Queued, running and compensating sagas. */
  active: number;
  outboxRows: number;
  /** By process. */
  ownMb: Record<string, number>;
}

const lookEveryMs = 500;

export interface Watch extends AsyncDisposable {
  /** So far. */
  looks: Look[];
  nowMs(): number;
}

/** Looks at the log and at each process's memory, every half second until it is disposed of. */
export function startWatch(sql: Sql, processes: Record<string, number[]>): Watch {
  const startedAt = performance.now();
  const nowMs = (): number => performance.now() - startedAt;
  const looks: Look[] = [];
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const [row] = await sql<[{ active: number; outbox: number }]>`
      select (select count(*) from saga.sagas
          where status <> 'completed' and status in ('queued', 'running', 'compensating'))::int as active,
        (select count(*) from saga.outbox)::int as outbox`;
    looks.push({
      atMs: nowMs(),
      active: row.active,
      outboxRows: row.outbox,
      ownMb: readOwnMb(processes),
    });
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await look();
      await pause(lookEveryMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  watching.catch(() => {});
  return {
    looks,
    nowMs,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
