import type { Sql } from '@reliable-ops/database';
import type { Pause } from '../log.ts';
import type { Transaction } from './transaction.ts';

export async function readPauses(sql: Sql | Transaction): Promise<Pause[]> {
  const rows = await sql<(Omit<Pause, 'pausedAt'> & { pausedAt: Date })[]>`
    select participant, by, note, paused_at as "pausedAt" from saga.pauses order by participant`;
  return rows.map((row) => ({ ...row, pausedAt: row.pausedAt.getTime() }));
}

/**
 * Locks the pauses and reads them, in two statements: the second one's snapshot is younger than the lock.
 * Called by: pause, resume, and each pass of recovery, which all tell the queue before they let go: whoever reads them
 * would otherwise tell it what was true a moment ago.
 */
export async function lockPauses(tx: Transaction): Promise<Pause[]> {
  await tx`lock table saga.pauses in share row exclusive mode`;
  return readPauses(tx);
}

export async function writePause(tx: Transaction, pause: Pause): Promise<void> {
  const { participant, by, note, pausedAt } = pause;
  await tx`
    insert into saga.pauses (participant, by, note, paused_at)
    values (${participant}, ${by}, ${note}, ${new Date(pausedAt)})`;
}

export async function deletePause(tx: Transaction, participant: string): Promise<void> {
  await tx`delete from saga.pauses where participant = ${participant}`;
}
