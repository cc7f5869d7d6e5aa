import { operatorBody, resolveBody, type NodeFaults } from '@reliable-ops/contracts';
import type { Operator } from '@reliable-ops/saga';
import type { Context } from 'hono';
import { mediaTypeOf, readText } from '../body.ts';
import { operatorOf } from '../operate/operator.ts';
import { badRequest, ProblemError } from '../problem.ts';

const formType = 'application/x-www-form-urlencoded';

/**
 * The fields of a form of ours. A browser says where a form comes from; `guardHosts` has refused other sites, and here
 * whoever does not say is refused too (403): no page of another site can send a form in our name.
 */
export async function readForm(context: Context): Promise<URLSearchParams> {
  const { req } = context;
  if (req.header('origin') === undefined && req.header('sec-fetch-site') !== 'same-origin')
    throw new ProblemError(
      403,
      'CROSS_SITE',
      'a form must say where it comes from; programs use the API under /v1',
      { field: 'Origin' },
    );
  mediaTypeOf(context, [formType]);
  return new URLSearchParams(await readText(context));
}

/** Who and why, as the form says it: an empty field says nothing. Throws 400. */
export function operatorIn(form: URLSearchParams, needsNote: boolean): Operator {
  const by = form.get('by')?.trim();
  const note = form.get('note')?.trim();
  const said = { ...(by ? { by } : {}), ...(note ? { note } : {}) };
  if (needsNote && !note) throw badRequest('note', 'say why: it stays in the history');
  const parsed = (needsNote ? resolveBody : operatorBody).safeParse(said);
  if (parsed.success) return operatorOf(parsed.data);
  const issue = parsed.error.issues[0]!;
  throw badRequest(issue.path.join('.'), `${issue.path.join('.')}: ${issue.message}`);
}

/** The faults that a form of sliders asks for, probabilities in percent. It does not show the seed, which stays. */
export function faultsIn(form: URLSearchParams, seed: number | null): NodeFaults {
  const number = (name: string, most: number): number => {
    const value = Number(form.get(name) ?? 0);
    if (!Number.isFinite(value) || value < 0 || value > most)
      throw badRequest(name, `${name}: must be a number from 0 to ${most}`);
    return value;
  };
  if (form.get('clear') !== null)
    return { error: 0, lostReply: 0, reset: 0, delayMs: 0, down: false, seed: null };
  return {
    error: number('error', 100) / 100,
    lostReply: number('lostReply', 100) / 100,
    reset: number('reset', 100) / 100,
    delayMs: Math.round(number('delayMs', 600_000)),
    down: form.get('down') === 'true',
    seed,
  };
}
