import { z } from 'zod';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `250ms`, `10s`, `10m`, `1h`, `30d` to milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match) return undefined;
  return Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
}

/** A duration in the environment, in milliseconds once parsed. */
export const durationMs = z.string().transform((text, context) => {
  const value = parseDuration(text);
  if (value === undefined) {
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'must be a number and a unit: 250ms, 10s, 10m, 1h, 30d',
    });
    return z.NEVER;
  }
  return value;
});
