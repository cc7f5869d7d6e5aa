import { hasEnded, type OutcomeResult, type Phase, type SagaView } from '@reliable-ops/contracts';

/** A picture of a saga in numbers: x from 0 to `width`, rows from above. */
export interface TimelineLayout {
  /** Where the axis begins: left of it is the wait for the lane. */
  axisX: number;
  width: number;
  queuedMs: number;
  spanMs: number;
  rows: TimelineRow[];
  ticks: { x: number; ms: number }[];
  /** What operators did. */
  acts: { x: number; verb: string }[];
  isOpen: boolean;
}

export interface TimelineRow {
  name: string;
  participant: string;
  state: string;
  bars: TimelineBar[];
  waits: { x: number; width: number; ms: number; isOpen: boolean }[];
  /** Attempts that the log no longer has. */
  forgotten: number;
}

export interface TimelineBar {
  x: number;
  width: number;
  phase: Phase;
  number: number;
  result: OutcomeResult;
  ms: number;
  detail: string | null;
}

const pictureWidth = 860;
/** A saga that waited for its lane has this much room for it, however long it was: else nothing else could be seen. */
const queuedWidth = 96;
/** An attempt takes a few milliseconds, of a picture of minutes. */
const leastBarWidth = 5;
const leastSpanMs = 10;
const mostTicks = 8;

/** @param now milliseconds since 1970 */
export function layTimeline(view: SagaView, now: number): TimelineLayout {
  const acceptedAt = Date.parse(view.acceptedAt);
  const startedAt = view.startedAt === null ? null : Date.parse(view.startedAt);
  const isOpen = !hasEnded(view.status);
  const endsAt = view.endedAt === null ? Math.max(now, acceptedAt) : Date.parse(view.endedAt);
  const beginsAt = startedAt ?? acceptedAt;
  const queuedMs = (startedAt ?? endsAt) - acceptedAt;
  const axisX = startedAt !== null && queuedMs > 0 ? queuedWidth : 0;
  const spanMs = Math.max(leastSpanMs, endsAt - beginsAt);
  const place = (at: number): number =>
    axisX + (Math.min(Math.max(at - beginsAt, 0), spanMs) / spanMs) * (pictureWidth - axisX);
  const waitOf = (from: number, until: number, open: boolean) => {
    const x = place(from);
    return { x, width: Math.max(0, place(until) - x), ms: until - from, isOpen: open };
  };

  const rows = view.steps.map((step): TimelineRow => {
    const bars: TimelineBar[] = [];
    const waits: TimelineRow['waits'] = [];
    let restsSince: number | undefined;
    for (const { phase, number, result, detail, ...times } of step.log) {
      const from = Date.parse(times.startedAt);
      const until = Date.parse(times.endedAt);
      if (restsSince !== undefined && from > restsSince)
        waits.push(waitOf(restsSince, from, false));
      const x = Math.min(place(from), pictureWidth - leastBarWidth);
      const width = Math.max(leastBarWidth, place(until) - x);
      bars.push({ x, width, phase, number, result, ms: until - from, detail });
      restsSince = until;
    }
    const isOwed = ['preparing', 'running', 'compensating'].includes(step.state);
    if (isOpen && isOwed) waits.push(waitOf(restsSince ?? beginsAt, endsAt, true));
    const { name, participant, state } = step;
    return { name, participant, state, bars, waits, forgotten: (step.log[0]?.number ?? 1) - 1 };
  });
  return {
    axisX,
    width: pictureWidth,
    queuedMs,
    spanMs,
    rows,
    ticks: ticksOf(spanMs).map((ms) => ({ ms, x: place(beginsAt + ms) })),
    acts: view.history.map(({ at, verb }) => ({ x: place(Date.parse(at)), verb })),
    isOpen,
  };
}

/** Whole numbers of 1, 2 or 5 times a power of ten; of seconds, minutes and hours those that clocks have. */
function ticksOf(spanMs: number): number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const longer = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];
  const candidates = [...steps, ...longer.map((seconds) => seconds * 1_000)];
  const step =
    candidates.find((ms) => spanMs / ms <= mostTicks) ??
    Math.ceil(spanMs / mostTicks / 86_400_000) * 86_400_000;
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
}
