import { setTimeout as pause } from 'node:timers/promises';
import { startEnvironment } from './environment.ts';
import { readCpuMs } from './meter.ts';
import { startSystem } from './system.ts';

/** After the start: connections are made, code is loaded, and V8 collects what that has left, at its leisure. */
const settleMs = 45_000;
const measuredMs = 30_000;
/** Of a core, for each process. */
const mostPercent = 1;

/** What each process of an idle system costs. Exit 1 where it is more than it should be. */
export async function runIdle(write: (line: string) => void): Promise<number> {
  await using environment = await startEnvironment({ say: write });
  const { postgres, redis } = environment;
  const system = { workers: 1, protocol: 'fenced' } as const;
  await using running = await startSystem(environment, { system }, { errors: 0 });
  const processes = { ...running.processes, Postgres: [postgres.pid], Redis: [redis.pid] };
  await pause(settleMs);
  const before = readCpuMs(processes);
  await pause(measuredMs);
  const after = readCpuMs(processes);
  write(`idle for ${measuredMs / 1_000} s: CPU of each process, in per cent of a core`);
  let isMet = true;
  for (const [name, ms] of Object.entries(after)) {
    const percent = (100 * (ms - before[name]!)) / measuredMs;
    const met = percent < mostPercent;
    isMet &&= met;
    write(
      `${name.padEnd(14)} ${percent.toFixed(2).padStart(6)} %  below ${mostPercent} %: ${met ? 'met' : 'missed'}`,
    );
  }
  return isMet ? 0 : 1;
}
