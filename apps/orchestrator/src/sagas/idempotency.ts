import { createHash } from 'node:crypto';
import { limits } from '@reliable-ops/contracts';
import type { AcceptRequest, Json } from '@reliable-ops/saga';
import type { Context } from 'hono';
import { badRequest } from '../problem.ts';

const printable = new RegExp(`^[\\x20-\\x7e]{1,${limits.idempotencyKeyLength}}$`);

/** The Idempotency-Key header; null where there is none. */
export function idempotencyKeyOf({ req }: Context): string | null {
  const key = req.header('idempotency-key');
  if (key === undefined) return null;
  if (!printable.test(key))
    throw badRequest(
      'Idempotency-Key',
      `Idempotency-Key: must be 1 to ${limits.idempotencyKeyLength} printable ASCII characters`,
    );
  return key;
}

/**
 * What a request asks for, as a digest: equal whatever the order of an object's members, and whatever the wire form of
 * a batch. A single saga and a batch of one differ, since their answers do.
 */
export function digestOf(form: 'single' | 'batch', sagas: AcceptRequest['sagas']): string {
  const hash = createHash('sha256').update(form);
  for (const { definition, input } of sagas)
    hash.update(`\n${definition.name} ${canonicalJson(input)}`);
  return hash.digest('hex');
}

function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name]!)}`);
  return `{${members.join()}}`;
}
