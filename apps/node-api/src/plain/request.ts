import { unescape } from 'node:querystring';
import { groupId as groupIdSchema } from '@reliable-ops/contracts';
import { isLosslessNumber, parse } from 'lossless-json';
import { readText } from '../body.ts';
import type { RequestContext } from '../environment.ts';
import { refusal, unreadableBody } from '../errors.ts';
import { formatPythonFloat, parsePythonFloat } from './python-float.ts';

/** The ownership timestamp in seconds; null where the header is missing, empty or any zero. Throws 400 where it is no number. */
export function readTimestamp(c: RequestContext): number | null {
  const header = c.req.header('timestamp');
  if (header === undefined || header === '') return null;
  const timestamp = parsePythonFloat(header);
  if (timestamp === undefined)
    throw refusal(400, `timestamp must be a number of seconds, not '${header}'`);
  return timestamp === 0 ? null : timestamp;
}

/** The id in `GET /v1/group/<id>`; empty where nothing follows the slash. Bytes that are no UTF-8 read as U+FFFD. */
export const readPathId = (c: RequestContext): string =>
  requireStorable(unescape(c.req.path.slice('/v1/group/'.length)));

/**
 * The groupId of a POST or DELETE body. A number is the id of its digits (12345678901234567890 keeps them all),
 * one with a fraction or an exponent is written as a Python float: 1e3 is `1000.0`.
 * Throws 400 where the body is no JSON, or the id no text; 406 where there is none.
 */
export async function readBodyId(c: RequestContext): Promise<string> {
  const body = parseJson(await readText(c));
  if (body === null) throw refusal(406, 'Invalid Request, Please provide body');
  if (isLosslessNumber(body) || typeof body === 'boolean')
    throw refusal(
      400,
      `Invalid Request, the body must be an object with a groupId, not ${kindOf(body)}`,
    );
  if (typeof body !== 'object' || Array.isArray(body) || !Object.hasOwn(body, 'groupId'))
    throw refusal(406, 'Invalid Request, missing groupId in body');
  const { groupId } = body as { groupId: unknown };
  if (typeof groupId === 'string') return requireStorable(groupId);
  if (isLosslessNumber(groupId)) return requireStorable(formatNumber(groupId.value));
  throw refusal(400, `groupId must be a string or a number, not ${kindOf(groupId)}`);
}

function parseJson(text: string): unknown {
  try {
    return parse(text, undefined, { onDuplicateKey: ({ newValue }) => newValue });
  } catch (cause) {
    // Also a RangeError: nested deeper than the stack.
    throw refusal(400, unreadableBody, cause);
  }
}

function requireStorable(id: string): string {
  const checked = groupIdSchema.safeParse(id);
  if (checked.success) return checked.data;
  throw refusal(400, `groupId ${checked.error.issues[0]?.message ?? 'is not valid'}`);
}

const formatNumber = (text: string): string =>
  /[.eE]/.test(text) ? formatPythonFloat(Number(text)) : String(BigInt(text));

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (isLosslessNumber(value)) return 'a number';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
