import { defaultPerSecond } from '@reliable-ops/contracts';
import type { Command, Context } from '../context.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { byOption, noteOption, operate, operatorOf, parseSagaIds } from '../operator.ts';
import { plural } from '../text.ts';

const fastestPerSecond = 10_000;

export const retryCommand: Command = {
  usage: 'retry [...sagas]',
  summary: 'What waits for its next attempt makes it now',
  options: [
    ['--all-stuck', 'All stuck sagas, a few at a time'],
    ['--per-second <count>', `Of --all-stuck: how many a second (default: ${defaultPerSecond})`],
    noteOption,
    byOption,
  ],
  details: [
    'They are retried by themselves anyway, at growing intervals; this is for when you know that the cause is gone.',
    'Exit 0: tried again now; 1: some were refused (nothing of them waits), a line each says why.',
  ],
  examples: ['rops retry 12', 'rops retry --all-stuck', 'rops retry --all-stuck --per-second 20'],
  async run(context, args) {
    const { allStuck, perSecond } = context.options;
    if (allStuck) {
      if (args.length > 0) throw new UsageError('retry takes sagas or --all-stuck, not both');
      return retryStuck(context, parsePerSecond(perSecond));
    }
    if (args.length === 0) throw new UsageError('retry which? Give sagas, or --all-stuck');
    if (perSecond !== undefined) throw new UsageError('--per-second goes with --all-stuck');
    return operate(context, 'retry', parseSagaIds(args));
  },
};

async function retryStuck(context: Context, perSecond: number): Promise<number> {
  const operator = operatorOf(context);
  const answer = await context.connect('patient').retryStuck({ ...operator, perSecond });
  const { sagas, hastened, seconds } = answer;
  if (context.options.json) context.printDocument(answer);
  else if (sagas === 0) context.print('no saga is stuck');
  else
    context.print(
      `${plural(sagas, 'saga')} stuck: ${hastened} of them brought forward, over ${plural(seconds, 'second')}`,
    );
  return exitCodes.done;
}

function parsePerSecond(text: string | undefined): number {
  if (text === undefined) return defaultPerSecond;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= fastestPerSecond) return count;
  throw new UsageError(`--per-second ${text} is no whole number from 1 to ${fastestPerSecond}`);
}
