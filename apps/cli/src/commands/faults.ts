import { nodeFaults, type ClusterFaults, type NodeFaults } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import type { Command, Context, Options } from '../context.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { printable } from '../text.ts';

const longestDelayMs = 600_000;

export const faultsCommand: Command = {
  usage: 'faults [...nodes]',
  summary: 'What nodes do wrong on purpose: show it, set it, clear it',
  options: [
    ['--error <p>', 'Probability of an error before the change, 0 to 1'],
    ['--lost-reply <p>', 'Probability of an error after the change'],
    ['--delay <time>', 'Each request waits first: 250ms, 2s, 1m'],
    ['--reset <p>', 'Probability that the connection is cut before anything is done'],
    ['--down', 'Every connection is cut'],
    ['--seed <number>', 'The same draws again'],
    ['--clear', 'None of it any more, on these nodes or on all'],
  ],
  details: [
    'What is not given is off. Only the reference cluster makes faults; without options they are shown.',
    'Exit 0: shown, or set; 1: this cluster makes none, or there is no such node.',
  ],
  examples: [
    'rops faults',
    'rops faults node02 --error 0.5 --lost-reply 0.1 --delay 2s --reset 0.05 --seed 7',
    'rops faults node01 node03 --down',
    'rops faults --clear',
  ],
  async run(context, nodes) {
    const wanted = parseFaults(context.options);
    if (wanted && context.options.clear)
      throw new UsageError('--clear goes without other faults: what is not given is off anyway');
    if (wanted && nodes.length === 0)
      throw new UsageError('faults of which node? rops faults node02 …');
    const client = context.connect('once');
    if (wanted) await setFaults(client, nodes, wanted);
    else if (context.options.clear) {
      const all = nodes.length > 0 ? nodes : Object.keys(await client.readFaults());
      await setFaults(client, all, nodeFaults.parse({}));
    }
    show(context, await client.readFaults(), nodes);
    return exitCodes.done;
  },
};

async function setFaults(
  client: Client,
  nodes: readonly string[],
  faults: NodeFaults,
): Promise<void> {
  for (const node of nodes) await client.setFaults(node, faults);
}

/** Undefined where no fault is given. Throws UsageError with the flag and its range. */
function parseFaults(options: Options): NodeFaults | undefined {
  const { error, lostReply, delay, reset, down, seed } = options;
  if ([error, lostReply, delay, reset, seed].every((given) => given === undefined) && !down)
    return undefined;
  return {
    error: parseProbability('--error', error),
    lostReply: parseProbability('--lost-reply', lostReply),
    delayMs: delay === undefined ? 0 : parseDelay(delay),
    reset: parseProbability('--reset', reset),
    down: down ?? false,
    seed: seed === undefined ? null : parseSeed(seed),
  };
}

function parseProbability(flag: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && value >= 0 && value <= 1) return value;
  throw new UsageError(`${flag} ${text} is no probability from 0 to 1`);
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000 };

function parseDelay(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const delayMs = Math.round(Number(number) * (unitMs[unit] ?? NaN));
  if (delayMs >= 0 && delayMs <= longestDelayMs) return delayMs;
  throw new UsageError(`--delay ${text} is no time from 0s to 10m: 250ms, 2s, 1m`);
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw new UsageError(`--seed ${text} is no whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
}

function show(
  { options, printTable, printDocument, colors }: Context,
  all: ClusterFaults,
  nodes: readonly string[],
): void {
  const shown = Object.entries(all).filter(([node]) => nodes.length === 0 || nodes.includes(node));
  if (options.json) return printDocument(Object.fromEntries(shown));
  const rows = shown.map(([node, { error, lostReply, delayMs, reset, down, seed }]) => [
    printable(node),
    ...[error, lostReply, reset].map((probability) =>
      probability === 0 ? '' : String(probability),
    ),
    delayMs === 0 ? '' : `${delayMs} ms`,
    down ? colors.red('down') : '',
    seed === null ? '' : String(seed),
  ]);
  printTable(['node', 'error', 'lost reply', 'reset', 'delay', 'down', 'seed'], rows);
}
