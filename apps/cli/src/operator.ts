import { hostname, userInfo } from 'node:os';
import { limits, type OperatorVerb } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import type { Context } from './context.ts';
import { exitCodes, UsageError } from './errors.ts';
import { parseIds } from './ids.ts';
import { plural, printable } from './text.ts';

export const byOption = [
  '--by <who>',
  'Who does it, for the history (default: user@host)',
] as const;
export const noteOption = ['--note <text>', 'Why, for the history'] as const;

/** Who and why, as the history keeps them. Throws UsageError. */
export function operatorOf({ options, io }: Context): { by: string; note?: string } {
  const by = options.by ?? `${accountName(io.env)}@${hostname()}`.slice(0, limits.operatorLength);
  const { note } = options;
  if (by.length > limits.operatorLength)
    throw new UsageError(`--by has ${by.length} characters: ${limits.operatorLength} at most`);
  if (note !== undefined && note.length > limits.noteLength)
    throw new UsageError(`--note has ${note.length} characters: ${limits.noteLength} at most`);
  return { by, ...(note === undefined ? {} : { note }) };
}

/** An account without an entry in the system's list (a container's) has no name there. */
function accountName(env: Context['io']['env']): string {
  try {
    return userInfo().username;
  } catch {
    return env['USER'] || 'unknown';
  }
}

/** The ids of sagas as typed, ranges included. Throws UsageError. */
export function parseSagaIds(args: readonly string[]): string[] {
  const ids: string[] = [];
  for (const id of parseIds(args)) {
    if (!/^\d{1,15}$/.test(id))
      throw new UsageError(`"${id}" is no saga's id: those are numbers, as rops list shows them`);
    ids.push(id);
  }
  return ids;
}

const words: Record<OperatorVerb, { done: string; begun: string }> = {
  cancel: { done: 'cancelled', begun: 'being taken back' },
  retry: { done: 'done', begun: 'tried again now' },
  resolve: { done: 'resolved', begun: 'being resolved' },
};

/** Does `verb` to sagas: a line each that was refused, and one with the counts. Exit 1 where one was. */
export async function operate(
  context: Context,
  verb: OperatorVerb,
  ids: readonly string[],
): Promise<number> {
  const operator = operatorOf(context);
  const client = context.connect('patient');
  const answers: Awaited<ReturnType<Client['operate']>> = [];
  for (let from = 0; from < ids.length; from += limits.operatedSagas) {
    const part = ids.slice(from, from + limits.operatedSagas);
    answers.push(...(await client.operate(verb, { ...operator, ids: part })));
  }
  const counts = { done: 0, begun: 0, refused: 0, unknown: 0 };
  for (const { result } of answers) counts[result]++;
  if (context.options.json) context.printDocument(answers);
  else {
    for (const { id, result, reason } of answers) {
      if (result === 'refused')
        context.print(context.colors.yellow(printable(reason ?? `saga ${id}: refused`)));
      if (result === 'unknown')
        context.print(context.colors.yellow(`there is no saga ${printable(id)}`));
    }
    const told = (['done', 'begun'] as const)
      .filter((result) => counts[result] > 0)
      .map((result) => `${plural(counts[result], 'saga')} ${words[verb][result]}`);
    const others = counts.refused + counts.unknown;
    if (others > 0)
      told.push(`${plural(others, 'saga')} left as ${others === 1 ? 'it is' : 'they are'}`);
    context.print(told.join(', '));
  }
  return counts.refused + counts.unknown > 0 ? exitCodes.notDone : exitCodes.done;
}
