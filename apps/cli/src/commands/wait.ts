import { waitForBatches } from '../bulk.ts';
import type { Command } from '../context.ts';

export const waitCommand: Command = {
  usage: 'wait <...batches>',
  summary: 'Wait until the sagas of a batch have ended or are stuck',
  details: [
    'Several batches are waited for together. Exit 0: all completed; 1: some did not, or there is no such batch; ' +
      '130: Ctrl-C, and the same again comes back.',
  ],
  examples: ['rops wait 0199c0de-0000-7000-8000-000000000000'],
  run: (context, batchIds) => waitForBatches(context, batchIds),
};
