import { SingleBar } from 'cli-progress';
import { countSettled, type Totals } from './batches.ts';
import type { Io } from './io.ts';
import { colorsFor, formatCount } from './text.ts';

/** Plain lines come at most this often. */
const lineIntervalMs = 1_000;

export interface Progress {
  update(totals: Totals): void;
  /** The last word; the bar stays on the screen, the plain form closes with a line. */
  stop(): void;
}

/** `2,000 accepted, 57 completed, 1 compensated, 1 stuck`: what there is none of is left out, `completed` never. */
export function formatTotals(totals: Totals): string {
  const counts = (['completed', 'compensated', 'cancelled', 'resolved', 'stuck'] as const)
    .filter((name) => name === 'completed' || totals[name] > 0)
    .map((name) => `${formatCount(totals[name])} ${name}`);
  return counts.join(', ');
}

/** A bar on a terminal; elsewhere a line at the start, one a second while something changes, and one at the end. */
export function startProgress(io: Io, heading: string, expected: number): Progress {
  return io.stderr.isTTY === true
    ? startBar(io, heading, expected)
    : startLines(io, heading, expected);
}

function startBar({ stderr, env }: Io, heading: string, expected: number): Progress {
  const colors = colorsFor(stderr, env);
  const startedAt = Date.now();
  const bar = new SingleBar({
    format: `${heading} ${colors.cyan('{bar}')} {value}/{total}  {counts}  {rate}/s`,
    stream: stderr,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    fps: 10,
    hideCursor: true,
    gracefulExit: false, // Ctrl-C is handled once, by the process
  });
  bar.start(expected, 0, { counts: 'sending', rate: 0 });
  return {
    update(totals) {
      const settled = countSettled(totals);
      const seconds = Math.max((Date.now() - startedAt) / 1_000, 0.001);
      bar.update(settled, { counts: formatTotals(totals), rate: Math.round(settled / seconds) });
    },
    stop: () => bar.stop(),
  };
}

function startLines({ stderr }: Io, heading: string, expected: number): Progress {
  const startedAt = Date.now();
  let lastLine = '';
  let pending = '';
  let saidAt = startedAt;
  const say = (line: string): void => {
    lastLine = line;
    saidAt = Date.now();
    stderr.write(`${line}\n`);
  };
  say(`${heading}: ${formatCount(expected)} to do`);
  return {
    update(totals) {
      const settled = countSettled(totals);
      const accepted = totals.total < expected ? `, ${formatCount(totals.total)} accepted` : '';
      pending = `${heading}: ${formatCount(settled)} of ${formatCount(expected)}: ${formatTotals(totals)}${accepted}`;
      if (pending !== lastLine && Date.now() - saidAt >= lineIntervalMs) say(pending);
    },
    stop() {
      if (pending !== '' && pending !== lastLine) say(pending);
    },
  };
}
