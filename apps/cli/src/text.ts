import pc from 'picocolors';
import type { Io, Output } from './io.ts';

export type Colors = ReturnType<typeof pc.createColors>;

/** Colours for `stream`: only on a terminal that has them, or with FORCE_COLOR (0 is none); never with NO_COLOR. */
export function colorsFor(stream: Output, env: Io['env']): Colors {
  const force = env['FORCE_COLOR'];
  if (env['NO_COLOR'] || force === '0' || force === 'false') return pc.createColors(false);
  return pc.createColors(Boolean(force) || (stream.isTTY === true && env['TERM'] !== 'dumb'));
}

// eslint-disable-next-line no-control-regex
const obeyed = /[\u0000-\u001f\u007f-\u009f\u200b\u2060\ufeff\u2028\u2029\u202a-\u202e]/g;

/** `text` without what a terminal would obey, or not show: ids and details come from others. */
export function printable(text: string): string {
  return text.replaceAll(obeyed, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The orchestrator is full: nothing is lost, it is only not its turn yet. */
export const waitingWords = (reason: string): string => `waiting for room: ${printable(reason)}`;

/** 3 → "3 groups", 1 → "1 group". */
export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;

/** Milliseconds still to go, rounded to what a person reads at a glance: 8s, 3m05s, 2h10m. */
export function formatTimeLeft(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1_000);
  const two = (part: number): string => String(part).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${two(Math.floor((seconds % 3_600) / 60))}m`;
}

export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** Milliseconds as seconds for people: 0.3 s, 12.0 s. */
export const formatSeconds = (durationMs: number): string => `${(durationMs / 1_000).toFixed(1)} s`;
