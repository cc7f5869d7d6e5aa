import { clearLine, cursorTo } from 'node:readline';
import { SingleBar } from 'cli-progress';
import type { Io } from './io.ts';
import type { Measure, Progress } from './progress.ts';
import { colorsFor, formatTimeLeft, waitingWords } from './text.ts';

const barWidth = 24;
const narrowestBar = 4;
/** A bar shows so long after the last refusal that it waits. */
const waitShownMs = 2_000;
const wrapOn = '\u001b[?7h';
const wrapOff = '\u001b[?7l';
const saveCursor = '\u001b7';

/** What a process that ends at once owes a terminal with a bar on it: the cursor, and lines that wrap. */
export const restoreTerminal = `\u001b[?25h${wrapOn}\n`;

/** A bar that is redrawn in its line; in a narrow window the bar shrinks first, then the counts go, then the rate. */
export function startBar(
  { stderr, env }: Io,
  { heading, expected, measure }: { heading: string; expected: number; measure: Measure },
): Progress {
  const { cyan } = colorsFor(stderr, env);
  const startedAt = Date.now();
  let waitedAt = -Infinity;
  let words: string[] = [];
  let done = 0;
  const draw = (): string => {
    const room = (stderr.columns || 80) - 1;
    const amount = `${done}/${expected}`;
    const kept = [...words];
    const used = (): number => [heading, '', [amount, ...kept].join('  ')].join(' ').length;
    while (kept.length > 0 && used() + narrowestBar > room) kept.shift();
    const width = Math.min(barWidth, Math.max(0, room - used()));
    const full = Math.round((expected === 0 ? 1 : Math.min(1, done / expected)) * width);
    const text = [amount, ...kept].join('  ');
    // Too narrow even for that: the amount alone, cut.
    if (width < narrowestBar) return text.slice(0, room);
    return `${heading} ${cyan('█'.repeat(full) + '░'.repeat(width - full))} ${text}`;
  };
  const bar = new SingleBar({
    format: draw,
    stream: stderr,
    fps: 10,
    hideCursor: true,
    forceRedraw: true, // the window may have another width by now
    gracefulExit: false, // Ctrl-C is handled once, by the process
  });
  return {
    update(totals) {
      // Nobody has taken anything yet, and perhaps nobody is there: no bar above the line that says so.
      if (totals.total === 0) return;
      done = measure.done(totals);
      const elapsedMs = Math.max(Date.now() - startedAt, 1);
      const isGoing = done > 0 && done < expected;
      const leftMs = (elapsedMs / done) * (expected - done);
      const waits = Date.now() - waitedAt < waitShownMs ? ', waiting for room' : '';
      words = [
        measure.describe(totals) + waits,
        `${Math.round((done * 1_000) / elapsedMs)}/s`,
        ...(isGoing ? [`${formatTimeLeft(leftMs)} left`] : []),
      ];
      if (!bar.isActive) bar.start(expected, 0);
      bar.update(done);
    },
    say(line) {
      if (!bar.isActive) return void stderr.write(`${line}\n`);
      cursorTo(stderr, 0);
      clearLine(stderr, 0);
      // The bar returns to the saved place when it ends, which has moved down.
      stderr.write(`${wrapOn}${line}\n${wrapOff}${saveCursor}`);
    },
    wait(reason) {
      // Above the bar there is room for the reason; once it is drawn, only for the fact.
      if (!bar.isActive && waitedAt === -Infinity) stderr.write(`${waitingWords(reason)}\n`);
      waitedAt = Date.now();
    },
    stop: () => bar.stop(),
  };
}
