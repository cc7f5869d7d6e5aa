import type { Part, TableSize } from './run-scale.ts';

/** Of the last part's rate to the first one's. */
export const leastRatio = 0.9;
/** Of each process; of Postgres its largest backend, without the buffers that all of them share. */
export const mostMb = 300;

interface Result {
  sagas: number;
  seconds: number;
  parts: Part[];
  ratio: number;
  peakMb: Record<string, number>;
  tables: TableSize[];
}

export function formatScale({ sagas, seconds, parts, ratio, peakMb, tables }: Result): string {
  const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed');
  return [
    '',
    `${sagas} sagas in ${seconds.toFixed(1)} s, ${(sagas / seconds).toFixed(0)} sagas/s; every node holds exactly their groups`,
    ...parts.map(
      ({ until, rate, cpuMs }) =>
        `to ${String(until).padStart(9)}  ${rate.toFixed(0).padStart(7)} sagas/s  ${cpuMs.toFixed(3)} ms of CPU each`,
    ),
    `last / first   ${ratio.toFixed(2)} x   at least ${leastRatio} x   ${verdict(ratio >= leastRatio)}`,
    ...Object.entries(peakMb).map(
      ([name, mb]) =>
        `${name.padEnd(14)} ${String(mb).padStart(4)} MB at most   below ${mostMb} MB   ${verdict(mb < mostMb)}`,
    ),
    '',
    ...tables.map(
      ({ table, rows, dead, vacuums, size, indexes }) =>
        `${table.padEnd(16)} ${rows} rows, ${dead} dead, vacuumed ${vacuums} times, ${size}, indexes ${indexes}`,
    ),
    '',
  ].join('\n');
}
