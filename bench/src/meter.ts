import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of a clock tick in /proc: 100 a second on every Linux of today. */
const tickMs = 10;

interface ProcessTicks {
  parent: number;
  /** Of its own. */
  own: number;
  /** Of children that have ended and were waited for, and of theirs. */
  ended: number;
}

/**
 * CPU time in milliseconds that each group of processes has used so far, user and system: each process with all of its
 * descendants, also those that have ended (Postgres's backends). Only Linux says it; elsewhere all are 0.
 */
export function readCpuMs(groups: Record<string, number[]>): Record<string, number> {
  const all = readProcesses();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of all) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  const ticksOf = (pid: number): number => {
    const { own = 0, ended = 0 } = all.get(pid) ?? {};
    return (children.get(pid) ?? []).reduce((sum, child) => sum + ticksOf(child), own + ended);
  };
  return mapValues(groups, (pids) => tickMs * pids.reduce((sum, pid) => sum + ticksOf(pid), 0));
}

/** The most memory in MB that each group's processes have held at once, each process for itself, with their descendants of now. */
export function readPeakMb(groups: Record<string, number[]>): Record<string, number> {
  const all = readProcesses();
  const withDescendants = (pid: number): number[] => [
    pid,
    ...[...all]
      .filter(([, { parent }]) => parent === pid)
      .flatMap(([child]) => withDescendants(child)),
  ];
  return mapValues(groups, (pids) =>
    Math.max(0, ...pids.flatMap(withDescendants).map((pid) => readStatusMb(pid, 'VmHWM'))),
  );
}

/** Memory in MB of each group's largest process at this moment, descendants included, without what it shares with others (Postgres's buffers). */
export function readOwnMb(groups: Record<string, number[]>): Record<string, number> {
  const all = readProcesses();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const largest = (pid: number): number =>
    Math.max(
      readStatusMb(pid, 'VmRSS') - readStatusMb(pid, 'RssShmem'),
      ...(children.get(pid) ?? []).map(largest),
    );
  return mapValues(groups, (pids) => Math.max(0, ...pids.map(largest)));
}

/** A line of /proc/<pid>/status in MB; 0 where there is none. */
function readStatusMb(pid: number, field: 'VmHWM' | 'VmRSS' | 'RssShmem'): number {
  const [, kilobytes = '0'] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readOrEmpty(`/proc/${pid}/status`)) ?? [];
  return Math.round(Number(kilobytes) / 1_024);
}

function readProcesses(): Map<number, ProcessTicks> {
  const processes = new Map<number, ProcessTicks>();
  if (process.platform !== 'linux') return processes;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    if (stat === '') continue;
    // The name (second field, in parentheses) may hold anything, so count from its end.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [
      1, 11, 12, 13, 14,
    ].map((index) => fields[index] ?? 0);
    processes.set(Number(name), { parent, own: user + system, ended: endedUser + endedSystem });
  }
  return processes;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

const mapValues = <From, To>(
  record: Record<string, From>,
  change: (value: From) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
