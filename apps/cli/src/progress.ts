import { SingleBar } from 'cli-progress';
import { countSettled, type Totals } from './batches.ts';
import type { Io } from './io.ts';
import { colorsFor, formatCount, waitingWords } from './text.ts';

/** Plain lines come at most this often. */
const lineIntervalMs = 1_000;
/** Between two lines that say that it waits for room. */
const waitLineIntervalMs = 10_000;
/** A bar shows so long after the last refusal that it waits. */
const waitShownMs = 2_000;

export interface Progress {
  update(totals: Totals): void;
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

/** What the bar counts, and in which words. */
export interface Measure {
  done(totals: Totals): number;
  describe(totals: Totals): string;
}
export const bySettled: Measure = { done: countSettled, describe: formatTotals };
export const byAccepted: Measure = {
  done: ({ total }) => total,
  describe: ({ total }) => `${formatCount(total)} accepted`,
};

/** A bar on a terminal; elsewhere a line at the start, one a second while something changes, and one at the end. */
export function startProgress(
  io: Io,
  { heading, expected, measure }: { heading: string; expected: number; measure: Measure },
): Progress {
  return io.stderr.isTTY === true
    ? startBar(io, heading, expected, measure)
    : startLines(io, heading, expected, measure);
}

function startBar(
  { stderr, env }: Io,
  heading: string,
  expected: number,
  measure: Measure,
): Progress {
  const colors = colorsFor(stderr, env);
  const startedAt = Date.now();
  let waitedAt = -Infinity;
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
  return {
    update(totals) {
      // Nobody has taken anything yet, and perhaps nobody is there: no bar above the line that says so.
      if (totals.total === 0) return;
      if (!bar.isActive) bar.start(expected, 0, { counts: '', rate: 0 });
      const done = measure.done(totals);
      const seconds = Math.max((Date.now() - startedAt) / 1_000, 0.001);
      const waits = Date.now() - waitedAt < waitShownMs ? ', waiting for room' : '';
      const counts = measure.describe(totals) + waits;
      bar.update(done, { counts, rate: Math.round(done / seconds) });
    },
    wait(reason) {
      // Above the bar there is room for the reason; once it is drawn, only for the fact.
      if (!bar.isActive && waitedAt === -Infinity) stderr.write(`${waitingWords(reason)}\n`);
      waitedAt = Date.now();
    },
    stop: () => bar.stop(),
  };
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
