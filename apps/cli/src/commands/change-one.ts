import { noWait, type Command } from '../context.ts';
import { runSingle } from '../single.ts';

const changeOne = (verb: 'create' | 'delete'): Command => ({
  usage: `${verb}-one <id>`,
  summary: `${verb === 'create' ? 'Create' : 'Delete'} one group and print each step as it happens`,
  options: [noWait],
  details: [
    'The id is taken as typed, also where it looks like a range. --json: the saga as it ended.',
    'Exit 0: completed; 1: it was taken back, or is stuck. Ctrl-C (130) leaves it running, and says how to come back.',
  ],
  examples: [`rops ${verb}-one 5`, `rops ${verb}-one 007 --json`, `rops ${verb}-one -- -5`],
  run: (context, [id = '']) => runSingle(context, `${verb}-group`, id),
});

export const createOneCommand = changeOne('create');
export const deleteOneCommand = changeOne('delete');
