import { offeredTogether, type Offered } from '../clients/orders.ts';
import type { Look } from './watch.ts';

interface Result {
  bound: number;
  sustainable: number;
  seconds: number;
  offered: Offered;
  acceptedSagas: number;
  refusedSagas: number;
  drainSeconds: number | null;
  looks: Look[];
}

/** Lines of the table while it is offered too much, and as many after it. */
const mostLines = 10;

/** A line every few seconds, and what it came to. */
export function formatOverload(result: Result): string {
  const { offered, looks, seconds, drainSeconds, sustainable, bound } = result;
  const names = Object.keys(looks[0]?.ownMb ?? {});
  const stepSeconds = Math.max(1, Math.ceil(seconds / mostLines));
  const lastMs = looks.at(-1)?.atMs ?? 0;
  const rows = [
    [
      'second',
      'offered/s',
      'accepted/s',
      'refused/s',
      'active',
      'outbox',
      ...names.map((name) => `${name} MB`),
    ],
  ];
  for (let from = 0; from * 1_000 < lastMs; from += stepSeconds) {
    const until = from + stepSeconds;
    const part = looks.filter(({ atMs }) => atMs >= from * 1_000 && atMs < until * 1_000);
    if (part.length === 0) continue;
    const sent = offered.bySecond.slice(from, until);
    const rate = (of: 'offered' | 'accepted' | 'refused'): string =>
      sent.length === 0
        ? ''
        : (
            (offeredTogether * sent.reduce((sum, second) => sum + second[of], 0)) /
            sent.length
          ).toFixed(0);
    const most = (of: (look: Look) => number): string => String(Math.max(...part.map(of)));
    rows.push([
      String(until),
      rate('offered'),
      rate('accepted'),
      rate('refused'),
      most(({ active }) => active),
      most(({ outboxRows }) => outboxRows),
      ...names.map((name) => most(({ ownMb }) => ownMb[name]!)),
    ]);
  }
  const peak = (name: string): number => Math.max(...looks.map(({ ownMb }) => ownMb[name]!));
  const memory = names.map((name) => `${name} ${peak(name)}, ${looks.at(-1)?.ownMb[name]}`);
  const share = result.acceptedSagas / seconds / sustainable;
  return [
    '',
    formatColumns(rows),
    '',
    `accepted ${result.acceptedSagas} sagas, ${share.toFixed(2)} x the sustainable rate; refused ${result.refusedSagas}; ${offered.askedAgain} batches had to be asked for again`,
    `active at once: at most ${Math.max(...looks.map(({ active }) => active))} of ${bound}; outbox rows: at most ${Math.max(...looks.map(({ outboxRows }) => outboxRows))}`,
    drainSeconds === null
      ? 'not drained'
      : `drained ${drainSeconds.toFixed(1)} s after the last request`,
    `peak and final memory, MB: ${memory.join('; ')}`,
    '',
  ].join('\n');
}

function formatColumns(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join('  '))
    .join('\n');
}
