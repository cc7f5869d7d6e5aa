import type { ContenderReport, Report, Spread } from './report.ts';

const parts = ['orchestrator', 'worker', 'node API', 'Postgres', 'Redis', 'client'] as const;
const short: Record<(typeof parts)[number], string> = {
  orchestrator: 'orch.',
  worker: 'worker',
  'node API': 'nodes',
  Postgres: 'Pg',
  Redis: 'Redis',
  client: 'client',
};

/** Medians of the rounds; rates and ratios with their least and most. */
export function formatTable(report: Report): string {
  const { errors, cores, cpu, node, load } = report;
  const head = [
    'contender',
    'sagas',
    'sagas/s',
    'x loop',
    'p50 ms',
    'p99 ms',
    'CPU ms/saga',
    ...parts.map((part) => short[part]),
    'peak MB',
  ];
  const rows = [head, ...report.contenders.map(rowOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const legend = report.contenders.map(({ name, says }) => `${name.padEnd(widths[0]!)}  ${says}`);
  return [
    '',
    `${cores} cores (${cpu}), Node ${node}, errors ${errors}, load average up to ${load.toFixed(1)}`,
    '',
    lines[0]!,
    '-'.repeat(Math.max(...lines.map(({ length }) => length))),
    ...lines.slice(1),
    '',
    ...legend,
    '',
  ].join('\n');
}

function rowOf(contender: ContenderReport): string[] {
  const { name, sagas, sagasPerSecond, ratioToLoop, p50Ms, p99Ms } = contender;
  return [
    name,
    String(sagas),
    withBounds(sagasPerSecond, digitsOf(sagasPerSecond.median)),
    ratioToLoop ? withBounds(ratioToLoop, 2) : '',
    p50Ms ? milliseconds(p50Ms) : '',
    p99Ms ? milliseconds(p99Ms) : '',
    contender.cpuMsPerSagaTotal.median.toFixed(3),
    ...parts.map((part) => contender.cpuMsPerSaga[part]?.median.toFixed(3) ?? ''),
    String(peakOf(contender)),
  ];
}

/** Of the largest process that is the contender's own: not of the servers that all of them use. */
const peakOf = ({ peakMb }: ContenderReport): number =>
  Math.max(...['orchestrator', 'worker', 'client'].map((part) => peakMb[part] ?? 0));

export const withBounds = ({ median, least, most }: Spread, digits: number): string =>
  least === most
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;

const digitsOf = (value: number): number => (value < 100 ? 1 : 0);
const milliseconds = ({ median }: Spread): string => median.toFixed(median < 100 ? 1 : 0);
