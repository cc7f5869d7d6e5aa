import { startBar } from './bar.ts';
import { countSettled, type Totals } from './batches.ts';
import type { Io } from './io.ts';
import { formatCount, waitingWords } from './text.ts';

/** Plain lines come at most this often. */
const lineIntervalMs = 1_000;
/** Between two lines that say that it waits for room. */
const waitLineIntervalMs = 10_000;

export interface Progress {
  update(totals: Totals): void;
  /** A line for people, above the bar where there is one. */
  say(line: string): void;
  /** The orchestrator is full, and takes no more for now. */
  wait(reason: string): void;
  /** The last word; the bar stays on the screen, the plain form closes with a line. */
  stop(): void;
}

/** `57 completed, 1 compensated, 1 stuck`: what there is none of is left out, `completed` never. */
export function formatTotals(totals: Totals): string {
  const counts = (['completed', 'compensated', 'cancelled', 'resolved', 'stuck'] as const)
    .filter((name) => name === 'completed' || totals[name] > 0)
    .map((name) => `${formatCount(totals[name])} ${name}`);
  return counts.join(', ');
}

/** The same while it goes on, with what is under way and what waits for it; a stuck saga is counted as stuck alone. */
function formatProgress(totals: Totals): string {
  const running = totals.running + totals.compensating - totals.stuck;
  const { queued } = totals;
  return [
    formatTotals(totals),
    ...(running > 0 ? [`${formatCount(running)} running`] : []),
    ...(queued > 0 ? [`${formatCount(queued)} queued`] : []),
  ].join(', ');
}

/** What the bar counts, and in which words. */
export interface Measure {
  done(totals: Totals): number;
  describe(totals: Totals): string;
}
export const bySettled: Measure = { done: countSettled, describe: formatProgress };
export const byAccepted: Measure = {
  done: ({ total }) => total,
  describe: ({ total }) => `${formatCount(total)} accepted`,
};

/** A bar on a terminal; elsewhere a line at the start, one a second while something changes, and one at the end. */
export function startProgress(
  io: Io,
  what: { heading: string; expected: number; measure: Measure },
): Progress {
  const canRedraw = io.stderr.isTTY === true && io.env['TERM'] !== 'dumb';
  return canRedraw ? startBar(io, what) : startLines(io, what.heading, what.expected, what.measure);
}

function startLines({ stderr }: Io, heading: string, expected: number, measure: Measure): Progress {
  let lastLine = '';
  let pending = '';
  let saidAt = Date.now();
  let waitSaidAt = -Infinity;
  const say = (line: string): void => {
    lastLine = line;
    saidAt = Date.now();
    stderr.write(`${line}\n`);
  };
  say(`${heading}: ${formatCount(expected)} to do`);
  return {
    say,
    update(totals) {
      if (totals.total === 0) return;
      const of = `${formatCount(measure.done(totals))} of ${formatCount(expected)}`;
      pending = `${heading}: ${of}: ${measure.describe(totals)}`;
      if (pending !== lastLine && Date.now() - saidAt >= lineIntervalMs) say(pending);
    },
    wait(reason) {
      if (Date.now() - waitSaidAt < waitLineIntervalMs) return;
      waitSaidAt = Date.now();
      stderr.write(`${heading}: ${waitingWords(reason)}\n`);
    },
    stop() {
      if (pending !== '' && pending !== lastLine) say(pending);
    },
  };
}
