import type { Command } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { byOption, operatorOf } from '../operator.ts';
import { printable } from '../text.ts';

export const resumeCommand: Command = {
  usage: 'resume <node>',
  summary: 'End a maintenance window',
  options: [byOption],
  details: [
    'Sagas that waited for the node get the time back. On a node that is not paused: nothing.',
    'Exit 0: it goes on; 1: there is no such node.',
  ],
  examples: ['rops resume node02'],
  async run(context, [node = '']) {
    const resumed = await context.connect('patient').resume(node, operatorOf(context));
    if (context.options.json) context.printDocument(resumed);
    else context.print(`${printable(node)} goes on`);
    if (!resumed.told)
      context.note('Redis does not answer: its queue goes on as soon as it is back');
    return exitCodes.done;
  },
};
