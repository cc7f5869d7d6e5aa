import type { ClusterView, StatusView } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import { EndedRate } from '../ended-rate.ts';
import { cutToWidth } from '../table.ts';
import { createContext, type Command, type Context } from '../context.ts';
import { exitCodes, InterruptedError, UnreachableError } from '../errors.ts';
import { pause } from '../pause.ts';
import { listenForQuit } from '../quit.ts';
import { formatCount, printable } from '../text.ts';
import { describeSagas } from './status.ts';

const intervalMs = 1_000;
const clearToEnd = '\u001b[K';

/** One look. Null: not reachable just now. */
interface Look {
  at: string;
  cluster: ClusterView | null;
  sagas: StatusView['sagas'];
  /** Null also where the orchestrator is not reachable. */
  status: Pick<StatusView, 'outbox' | 'paused'> | null;
  /** Sagas a second. Null also where no time has passed yet. */
  endedPerSecond: number | null;
}

export const watchCommand: Command = {
  usage: 'watch',
  summary: 'Live counts, until q or Ctrl-C',
  details: [
    'Redrawn in place on a terminal, else a line whenever something changes.',
    'Ended a second: over the last 5 s, of all sagas; active: queued, running and compensating.',
    '--json: a line a second: {"at", "cluster":{"consistent","nodes"}, "sagas":{"queued", "running", "compensating", "stuck"}, ' +
      '"endedPerSecond"}.',
    'Exit 0: q or Ctrl-C; 3: no orchestrator at the first look.',
  ],
  examples: ['rops watch', 'rops watch --json'],
  async run(context) {
    const show = chooseForm(context);
    const quit = listenForQuit(context.io);
    const end = new AbortController();
    let isFirst = true;
    try {
      const io = { ...context.io, signal: AbortSignal.any([quit.signal, end.signal]) };
      const client = createContext(io, context.options).connect('once');
      const rate = new EndedRate(client);
      for (;;) {
        // Without a first answer there is nothing to watch: say so and end.
        show(await look(client, rate, isFirst));
        isFirst = false;
        await pause(intervalMs, quit.signal);
      }
    } catch (error) {
      if (error instanceof InterruptedError) return exitCodes.done;
      throw error;
    } finally {
      end.abort(new InterruptedError());
      quit.stop();
    }
  },
};

async function look(client: Client, rate: EndedRate, isFirst: boolean): Promise<Look> {
  const orNull = (error: unknown): null => {
    if (isFirst || !(error instanceof UnreachableError)) throw error;
    return null;
  };
  const [cluster, status] = await Promise.all([
    client.readCluster().catch(orNull),
    client.readStatus().catch(orNull),
  ]);
  return {
    at: new Date().toISOString(),
    cluster,
    sagas: status?.sagas ?? null,
    status,
    endedPerSecond: rate.read(),
  };
}

function chooseForm(context: Context): (look: Look) => void {
  if (context.options.json) {
    return ({ at, cluster, sagas, endedPerSecond }) =>
      context.printDocument({ at, cluster, sagas, endedPerSecond });
  }
  const { stdout, env } = context.io;
  return stdout.isTTY === true && env['TERM'] !== 'dumb'
    ? redrawInPlace(context)
    : printChanges(context);
}

function redrawInPlace({ io }: Context): (look: Look) => void {
  let drawn = 0;
  return (seen) => {
    const all = [
      ...describeLook(seen),
      describeRate(seen),
      ...describeQueue(seen),
      `${seen.at}, q or Ctrl-C ends`,
    ];
    // What scrolls out at the top cannot be drawn over.
    const lines = all.slice(0, Math.max(1, (io.stdout.rows || 24) - 1));
    // A line that wraps would take two rows, and the next picture would begin in the wrong one.
    const room = (io.stdout.columns || 80) - 1;
    const rows = lines.map((line) => `${cutToWidth(line, room)}${clearToEnd}\n`);
    // In one write, over the old picture: nothing is blank in between.
    io.stdout.write(`${drawn > 0 ? `\u001b[${drawn}A\r` : ''}${rows.join('')}\u001b[J`);
    drawn = lines.length;
  };
}

function describeRate({ sagas, endedPerSecond }: Look): string {
  const active = sagas && sagas.queued + sagas.running + sagas.compensating;
  const rate = endedPerSecond === null ? '-' : formatCount(Math.round(endedPerSecond));
  return `${active === null ? '-' : formatCount(active)} active, ${rate} ended/s`;
}

function describeQueue({ status }: Look): string[] {
  if (status === null) return ['the orchestrator is not reachable, still trying'];
  const { outbox, paused } = status;
  return [
    outbox === null
      ? 'outbox: not known'
      : `outbox: ${formatCount(outbox.rows)} rows, the oldest overdue for ${outbox.oldestOverdueSeconds.toFixed(1)} s`,
    ...(paused === null || paused.length === 0
      ? []
      : [`paused: ${paused.map(printable).join(', ')}`]),
  ];
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
