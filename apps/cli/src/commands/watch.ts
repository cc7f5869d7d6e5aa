import { clearScreenDown, moveCursor } from 'node:readline';
import type { ClusterView, StatusView } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import type { Command, Context } from '../context.ts';
import { exitCodes, InterruptedError, UnreachableError } from '../errors.ts';
import { pause } from '../pause.ts';
import { formatCount, printable } from '../text.ts';
import { describeSagas } from './status.ts';

const intervalMs = 1_000;

/** One look. Null: not reachable just now. */
interface Look {
  at: string;
  cluster: ClusterView | null;
  sagas: StatusView['sagas'];
}

export const watchCommand: Command = {
  usage: 'watch',
  summary: 'Live counts, until Ctrl-C',
  details: [
    'Redrawn in place on a terminal, else a line whenever something changes.',
    '--json: a line a second: {"at","cluster":{"consistent","nodes"},"sagas":{"queued","running","compensating","stuck"}}.',
  ],
  examples: ['rops watch', 'rops watch --json'],
  async run(context) {
    const client = context.connect('once');
    const show = chooseForm(context);
    let isFirst = true;
    try {
      for (;;) {
        // Without a first answer there is nothing to watch: say so and end.
        show(await look(client, isFirst));
        isFirst = false;
        await pause(intervalMs, context.io.signal);
      }
    } catch (error) {
      if (error instanceof InterruptedError) return exitCodes.done;
      throw error;
    }
  },
};

async function look(client: Client, isFirst: boolean): Promise<Look> {
  const orNull = (error: unknown): null => {
    if (isFirst || !(error instanceof UnreachableError)) throw error;
    return null;
  };
  const [cluster, status] = await Promise.all([
    client.readCluster().catch(orNull),
    client.readStatus().catch(orNull),
  ]);
  return { at: new Date().toISOString(), cluster, sagas: status?.sagas ?? null };
}

function chooseForm(context: Context): (look: Look) => void {
  if (context.options.json) return context.printDocument;
  return context.io.stdout.isTTY === true ? redrawInPlace(context) : printChanges(context);
}

function redrawInPlace({ io, print }: Context): (look: Look) => void {
  let drawn = 0;
  return (seen) => {
    if (drawn > 0) moveCursor(io.stdout, 0, -drawn);
    clearScreenDown(io.stdout);
    const lines = [...describeLook(seen), `${seen.at}, Ctrl-C ends`];
    // A line that wraps would take two rows, and the next picture would begin in the wrong one.
    for (const line of lines) print(line.slice(0, (io.stdout.columns || 80) - 1));
    drawn = lines.length;
  };
}

function printChanges({ print }: Context): (look: Look) => void {
  let last = '';
  return (seen) => {
    const line = describeLook(seen).join('; ');
    if (line !== last) print(`${seen.at} ${line}`);
    last = line;
  };
}

function describeLook({ cluster, sagas }: Look): string[] {
  const nodes = Object.entries(cluster?.nodes ?? {}).map(
    ([node, groups]) =>
      `${printable(node)} ${groups === null ? 'not reachable' : formatCount(groups)}`,
  );
  const consistency = {
    true: 'consistent',
    false: 'not consistent',
    null: 'consistency not known',
  };
  return [
    cluster === null
      ? 'nodes: not known'
      : `${nodes.join(', ')}, ${consistency[`${cluster.consistent}`]}`,
    sagas === null ? 'sagas: not known' : `sagas: ${describeSagas(sagas)}`,
  ];
}
