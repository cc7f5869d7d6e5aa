import type { Command } from '../context.ts';
import { byOption, noteOption, operate, parseSagaIds } from '../operator.ts';

export const cancelCommand: Command = {
  usage: 'cancel <...sagas>',
  summary: 'Take sagas back: a queued one ends at once, a running one compensates',
  options: [noteOption, byOption],
  details: [
    'Sagas by their ids, as rops list shows them; 12..40 is a range. The same again changes nothing.',
    'Exit 0: cancelled, or on the way; 1: some were refused, a line each says why.',
  ],
  examples: ['rops cancel 12', 'rops cancel 12 15..40 --note "wrong list"'],
  run: async (context, args) => operate(context, 'cancel', parseSagaIds(args)),
};
