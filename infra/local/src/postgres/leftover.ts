import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLineOf, endProcess, startTimeOf } from '../processes/identity.ts';
import { StackError } from '../stack-error.ts';

/**
 * What a kill -9 left in the folder. A Postgres that still runs in it is ended; if the number in postmaster.pid
 * belongs to another process by now, Postgres would refuse to start, so the file goes.
 */
export async function endLeftover(folder: string): Promise<void> {
  const path = join(folder, 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const pid = Number(text.split('\n')[0]);
  const startedAt = startTimeOf(pid);
  if (startedAt !== undefined && commandLineOf(pid)?.includes(` -D ${folder} `)) {
    const gone = await endProcess({ pid, startedAt }, { signal: 'SIGINT' });
    if (!gone) throw new StackError(`another Postgres (process ${pid}) runs on ${folder}: stop it`);
  }
  await rm(path, { force: true });
}
