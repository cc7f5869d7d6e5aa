import type { VerifyFinding, VerifySummary } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import type { Command, Context } from '../context.ts';
import { startCounting } from '../counting.ts';
import { exitCodes, InterruptedError, UnreachableError } from '../errors.ts';
import { pause } from '../pause.ts';
import { withoutType } from '@reliable-ops/client';
import { formatCount, formatSeconds, plural, printable } from '../text.ts';

/** Between two looks of --watch. */
const intervalMs = 5_000;

export const verifyCommand: Command = {
  usage: 'verify',
  summary: 'Whether the cluster is what the saga log says',
  options: [
    [
      '--watch',
      `Again every ${intervalMs / 1_000} s, until Ctrl-C; what was said is not said again`,
    ],
  ],
  details: [
    'A line a finding: promise, key, node, what was expected, what is there. Groups that a saga is ' +
      'changing are told apart; groups that no saga made are compared between the nodes.',
    'Exit 0: consistent; 1: not; 3: the orchestrator, Postgres or a node is not reachable.',
    '--json: {"consistent", "sagas", "groups", "inFlight", "findings":[...], "unreachable":[...], "seconds"}; with --watch one a line.',
  ],
  examples: ['rops verify', 'rops verify --watch', 'rops verify --json'],
  async run(context) {
    const client = context.connect('once');
    if (!context.options.watch) return (await look(context, client, () => true)).exitCode;
    return watch(context, client);
  },
};

async function watch(context: Context, client: Client): Promise<number> {
  let last: { exitCode: number; told: Set<string> } | undefined;
  try {
    for (;;) {
      try {
        const known = last?.told ?? new Set();
        last = await look(context, client, (finding) => !known.has(JSON.stringify(finding)));
      } catch (error) {
        // Without a first answer there is nothing to watch: say so and end.
        if (!last || !(error instanceof UnreachableError)) throw error;
        context.note(error.message);
        last = { ...last, exitCode: exitCodes.notReachable };
      }
      await pause(intervalMs, context.io.signal);
    }
  } catch (error) {
    if (last && error instanceof InterruptedError) return last.exitCode;
    throw error;
  }
}

/** One run, told as it goes. */
async function look(
  context: Context,
  client: Client,
  isNews: (finding: VerifyFinding) => boolean,
): Promise<{ exitCode: number; told: Set<string> }> {
  const { json, watch: watching } = context.options;
  const counting = startCounting(context.io, 'verifying');
  const findings: VerifyFinding[] = [];
  let summary: VerifySummary | undefined;
  try {
    for await (const line of client.verify()) {
      if (line.type === 'progress') counting.update(line);
      if (line.type === 'summary') summary = withoutType(line);
      if (line.type !== 'finding') continue;
      const finding = withoutType(line);
      if (json || watching) findings.push(finding);
      if (json || !isNews(finding)) continue;
      counting.clear();
      context.print(describeFinding(finding, context.colors));
    }
  } finally {
    counting.clear();
  }
  if (!summary) throw new UnreachableError('the orchestrator ended before it was through');
  if (json) context.printDocument({ ...summary, findings });
  else {
    for (const { node, reason } of summary.unreachable)
      context.note(`${printable(node)} is not reachable: ${printable(reason)}`);
    const at = watching ? `${new Date().toISOString()} ` : '';
    context.print(at + describeSummary(summary, context.colors));
  }
  return {
    exitCode: exitCodeOf(summary),
    told: new Set(findings.map((one) => JSON.stringify(one))),
  };
}

function exitCodeOf({ consistent, unreachable }: VerifySummary): number {
  if (unreachable.length > 0) return exitCodes.notReachable;
  return consistent ? exitCodes.done : exitCodes.notDone;
}

function describeFinding(finding: VerifyFinding, colors: Context['colors']): string {
  const { promise, key, node, expected, found, sagaId } = finding;
  const told = [
    colors.red(promise),
    printable(key),
    ...(node === null ? [] : [printable(node)]),
    `expected ${printable(expected)}, found ${printable(found)}`,
  ];
  return `${told.join('  ')}${sagaId === null ? '' : colors.dim(` (saga ${printable(sagaId)})`)}`;
}

function describeSummary(summary: VerifySummary, colors: Context['colors']): string {
  const { consistent, sagas, groups, inFlight, findings, unreachable, seconds } = summary;
  const looked = `${plural(groups, 'group')}, ${plural(sagas, 'saga')} in the log, ${formatCount(inFlight)} in flight, ${formatSeconds(seconds * 1_000)}`;
  const nodes = unreachable.map(({ node }) => printable(node)).join(', ');
  const without = unreachable.length === 0 ? '' : `, without ${nodes}`;
  if (consistent === false)
    return colors.red(`not consistent: ${plural(findings, 'finding')}${without} (${looked})`);
  if (consistent) return colors.green(`consistent (${looked})`);
  return colors.yellow(`not known: nothing found${without} (${looked})`);
}
