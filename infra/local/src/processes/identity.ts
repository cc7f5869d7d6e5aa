import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * When the process started, in words of the system; undefined if there is none of that number. Together with the
 * number it names one process for good: numbers come round again, in containers quickly.
 */
export function startTimeOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name (second field, in parentheses) may hold anything, so count from its end.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined; // dead, only not yet reaped
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return `${boot} ${fields[19]}`;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Its command line, words separated by blanks; undefined if there is no such process. */
export function commandLineOf(pid: number): string | undefined {
  if (startTimeOf(pid) === undefined) return undefined;
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    }
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/**
 * Ends a process that is not our child: `signal`, then SIGKILL after `graceMs`. Does nothing once the
 * process under that number is another one. Answers whether it is gone.
 */
export async function endProcess(
  { pid, startedAt }: { pid: number; startedAt: string },
  { signal = 'SIGTERM', graceMs = 10_000 }: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<boolean> {
  for (const [next, patienceMs] of [
    [signal, graceMs],
    ['SIGKILL', 5_000],
  ] as const) {
    if (startTimeOf(pid) !== startedAt) return true;
    try {
      process.kill(pid, next);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') return false;
    }
    const until = Date.now() + patienceMs;
    while (Date.now() < until && startTimeOf(pid) === startedAt) await pause(50);
  }
  return startTimeOf(pid) !== startedAt;
}
