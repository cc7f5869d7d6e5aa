import { noWait, type Command } from '../context.ts';
import { runSingle } from '../single.ts';

export const createOneCommand: Command = {
  usage: 'create-one <id>',
  summary: 'Create one group and print each step as it happens',
  options: [noWait],
  details: [
    'The id is taken as typed, also where it looks like a range. --json: the saga as it ended.',
    'Exit 0: completed; 1: it was taken back, or is stuck. Ctrl-C (130) leaves it running, and says how to come back.',
  ],
  examples: ['rops create-one 5', 'rops create-one 007 --json', 'rops create-one -- -5'],
  run: (context, [id = '']) => runSingle(context, 'create-group', id),
};
