import { limits } from '@reliable-ops/contracts';
import type { Context } from 'hono';
import { badRequest } from '../problem.ts';

/** Milliseconds that `Prefer: wait=<seconds>` (RFC 7240) asks for, at most our limit; undefined where it does not. */
export function preferredWaitMs({ req }: Context): number | undefined {
  for (const preference of (req.header('prefer') ?? '').split(',')) {
    const [name = '', value = ''] = preference.split(';')[0]!.split('=');
    if (name.trim().toLowerCase() !== 'wait') continue;
    const [, quoted, plain] = /^(?:"(\d{1,9})"|(\d{1,9}))$/.exec(value.trim()) ?? [];
    const seconds = quoted ?? plain;
    if (seconds === undefined)
      throw badRequest('Prefer', 'Prefer: wait must be a whole number of seconds, e.g. wait=10');
    return Math.min(Number(seconds), limits.waitSeconds) * 1_000;
  }
  return undefined;
}
