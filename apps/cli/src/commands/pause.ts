import type { ParticipantView } from '@reliable-ops/contracts';
import type { Command, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { byOption, noteOption, operatorOf } from '../operator.ts';
import { pause } from '../pause.ts';
import { plural, printable } from '../text.ts';

/** How long jobs that were under way are waited for: a call to a node has its own, shorter time-out. */
const patienceMs = 30_000;
const intervalMs = 200;

export const pauseCommand: Command = {
  usage: 'pause <node>',
  summary: 'A maintenance window: no attempt is begun on a node until rops resume',
  options: [noteOption, byOption, ['--no-wait', 'Do not wait for what is under way there']],
  details: [
    'Nothing fails because of it: requests are accepted, and sagas get their time back on resume.',
    `Ends when nothing is under way on the node any more, within ${patienceMs / 1_000} s. Exit 0: so it is; 1: it is not known.`,
  ],
  examples: ['rops pause node02 --note "new disk"', 'rops pause node02 --no-wait'],
  async run(context, [node = '']) {
    const paused = await context.connect('patient').pause(node, operatorOf(context));
    if (!context.options.json) {
      const { by = '', at = '' } = paused.paused ?? {};
      context.print(`${printable(node)} is paused since ${printable(at)} (${printable(by)})`);
    }
    if (!paused.told)
      context.note(
        'Redis does not answer: its queue is paused as soon as it is back, and an attempt may be made before',
      );
    const last = context.options.wait ? await untilQuiet(context, paused) : paused;
    if (context.options.json) context.printDocument(last);
    if (!context.options.wait) return exitCodes.done;
    return tellQuiet(context, last);
  },
};

async function untilQuiet(context: Context, first: ParticipantView): Promise<ParticipantView> {
  const client = context.connect('patient');
  const until = Date.now() + patienceMs;
  let last = first;
  while (last.jobs !== null && last.jobs.active > 0 && Date.now() < until) {
    await pause(intervalMs, context.io.signal);
    const all = await client.readParticipants();
    last = all.find(({ name }) => name === first.name) ?? last;
  }
  return last;
}

function tellQuiet({ options, print, note }: Context, { name, jobs }: ParticipantView): number {
  if (jobs?.active === 0) {
    if (!options.json) print(`nothing is under way on ${printable(name)}`);
    return exitCodes.done;
  }
  note(
    jobs === null
      ? 'whether something is under way there is not known'
      : `${plural(jobs.active, 'job')} still under way on ${printable(name)}: rops status shows when they are done`,
  );
  return exitCodes.notDone;
}
