import type { Command } from '../context.ts';
import { UsageError } from '../errors.ts';
import { byOption, noteOption, operate, parseSagaIds } from '../operator.ts';

export const resolveCommand: Command = {
  usage: 'resolve <...sagas>',
  summary: 'Vouch for sagas that cannot be taken back: clean up by hand first',
  options: [noteOption, byOption],
  details: [
    'Nothing more is sent for them, and the next saga of each key goes on. --note is a must: it says what you did.',
    'Exit 0: resolved; 1: some were refused, a line each says why.',
  ],
  examples: ['rops resolve 12 --note "removed group 5 from node02 by hand, ticket 311"'],
  async run(context, args) {
    const ids = parseSagaIds(args);
    if (context.options.note === undefined || context.options.note.trim() === '')
      throw new UsageError('resolve needs --note "...": what was done by hand, and why');
    return operate(context, 'resolve', ids);
  },
};
