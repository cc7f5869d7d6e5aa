import { runBulk } from '../bulk.ts';
import { noWait, type Command } from '../context.ts';

const changeGroups = (verb: 'create' | 'delete', heading: string): Command => ({
  usage: `${verb} [...ids]`,
  summary: `${verb === 'create' ? 'Create' : 'Delete'} groups on all nodes, each on all or on none (0..99 when no id is given)`,
  options: [noWait],
  details: [
    'Ids are taken as typed: 007 is 007. A range has both its ends in it and keeps its padding: 001..010.',
    'An id given twice is sent once. Behind -- an id may begin with a dash. "" is an id too.',
    'Ends when each has ended or is stuck. A saga waits for the one before it on the same group, also for a stuck one:',
    'it does not fail. What waits so is told; rops list --stuck shows behind what, rops list --key group:5 the queue of 5.',
    'Exit 0: all completed; 1: some did not; 130: Ctrl-C, which leaves them running and says how to come back.',
  ],
  examples: [
    `rops ${verb}`,
    `rops ${verb} 5 007 10..19`,
    `rops ${verb} 1..10000 --json`,
    `rops ${verb} --no-wait 1..10000`,
    `rops ${verb} -- -5`,
  ],
  run: (context, args) => runBulk(context, { saga: `${verb}-group`, heading, args }),
});

export const createCommand = changeGroups('create', 'creating');
export const deleteCommand = changeGroups('delete', 'deleting');
