/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { OutcomeResult, SagaStatus, StepState } from '@reliable-ops/contracts';

/** A shape for each state, in a field of 12 by 12: states differ by word and shape, not by colour alone. */
const shapes = {
  ring: 'M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8',
  play: 'M4 2.5l5.5 3.5l-5.5 3.5z',
  back: 'M10 6H3M6 2.5L2.5 6L6 9.5',
  check: 'M2 6.5l2.8 3L10 3',
  undone: 'M4 5h4a2 2 0 0 1 0 5H4M6 2.5L3.5 5L6 7.5',
  barred: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9M2.8 9.2l6.4-6.4',
  diamond: 'M6 1.5L10.5 6L6 10.5L1.5 6z',
  alert: 'M6 1.5L11 10.5H1zM6 5v2.5M6 9v.2',
  cross: 'M3 3l6 6M9 3l-6 6',
  question: 'M4 4a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.5M6 9.6v.2',
  pause: 'M4 2.5v7M8 2.5v7',
  dash: 'M2.5 6h7',
} as const;
export type Shape = keyof typeof shapes;

/** How much it asks for attention. */
export type Tone = 'calm' | 'busy' | 'good' | 'warn' | 'bad';

const statusLook: Record<SagaStatus, [Shape, Tone]> = {
  queued: ['ring', 'calm'],
  running: ['play', 'busy'],
  compensating: ['back', 'warn'],
  completed: ['check', 'good'],
  compensated: ['undone', 'calm'],
  cancelled: ['barred', 'calm'],
  resolved: ['diamond', 'calm'],
};

const stepLook: Record<StepState, [Shape, Tone]> = {
  pending: ['ring', 'calm'],
  preparing: ['play', 'busy'],
  running: ['play', 'busy'],
  applied: ['check', 'good'],
  failed: ['cross', 'bad'],
  compensating: ['back', 'warn'],
  compensated: ['undone', 'calm'],
  skipped: ['dash', 'calm'],
};

const resultLook: Record<OutcomeResult, [Shape, Tone]> = {
  applied: ['check', 'good'],
  rejected: ['cross', 'bad'],
  unknown: ['question', 'warn'],
};

const Mark = ({ shape }: { shape: Shape }) => (
  <svg class="mark" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
    <path d={shapes[shape]} />
  </svg>
);

export const Badge = ({ shape, tone, text }: { shape: Shape; tone: Tone; text: string }) => (
  <span class={`badge ${tone}`}>
    <Mark shape={shape} />
    {text}
  </span>
);

export const StatusBadge = ({ status, stuck }: { status: SagaStatus; stuck: boolean }) => {
  const [shape, tone] = statusLook[status];
  return (
    <>
      <Badge shape={shape} tone={tone} text={status} />
      {stuck ? (
        <>
          {' '}
          <Badge shape="alert" tone="bad" text="stuck" />
        </>
      ) : null}
    </>
  );
};

export const StepBadge = ({ state }: { state: StepState }) => {
  const [shape, tone] = stepLook[state];
  return <Badge shape={shape} tone={tone} text={state} />;
};

export const ResultBadge = ({ result }: { result: OutcomeResult }) => {
  const [shape, tone] = resultLook[result];
  return <Badge shape={shape} tone={tone} text={result} />;
};

/** A moment, in UTC; the script shows it in the reader's own time. */
export const Moment = ({ at }: { at: string | number }) => {
  const iso = new Date(at).toISOString();
  return <time datetime={iso}>{`${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`}</time>;
};

/** `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 12 min`, `5 d 2 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return twoUnits(whole, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  return minutes < 1_440
    ? twoUnits(minutes, 60, 'h', 'min')
    : twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

const twoUnits = (small: number, size: number, large: string, unit: string): string => {
  const rest = small % size;
  return `${Math.floor(small / size)} ${large}${rest === 0 ? '' : ` ${rest} ${unit}`}`;
};

/** Thousands apart, at most one digit after the point. */
export const numberText = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });

export const percentText = (share: number): string => `${numberText(share * 100)} %`;

/** What cannot be seen or would break the line, shown as what it is: a key may hold anything but NUL. */
export const visibleText = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
