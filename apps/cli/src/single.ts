import { randomUUID } from 'node:crypto';
import { hasEnded, type AttemptView, type SagaView, type StepView } from '@reliable-ops/contracts';
import type { Context } from './context.ts';
import { exitCodes } from './errors.ts';
import { parseId } from './ids.ts';
import { pause } from './pause.ts';
import { formatSeconds, printable, type Colors } from './text.ts';

const intervalMs = 100;

const phaseWords = { prepare: 'prepare', action: 'action', compensation: 'rollback' } as const;
const resultColors = { applied: 'green', rejected: 'red', unknown: 'yellow' } as const;

/** `rops create-one` and `rops delete-one`: one saga, each attempt printed as it is made. */
export async function runSingle(context: Context, saga: string, groupId: string): Promise<number> {
  const input = { groupId: parseId(groupId) };
  const client = context.connect('patient');
  const id = await client.startSaga({ saga, input }, randomUUID());
  if (!context.options.wait) {
    if (context.options.json) context.printDocument(await client.readSaga(id));
    else context.print(`accepted: rops show ${printable(id)}`);
    return exitCodes.done;
  }
  const seen = new Set<string>();
  try {
    for (;;) {
      const view = await client.readSaga(id);
      if (!context.options.json) printNewAttempts(context, view, seen);
      if (hasEnded(view.status) || view.stuck) return printEnd(context, view);
      await pause(intervalMs, context.io.signal);
    }
  } catch (error) {
    context.note(`the saga is accepted and goes on; to come back: rops show ${printable(id)}`);
    throw error;
  }
}

/** All attempts of `view` in the order they ended. */
export function listAttempts(view: SagaView): { step: StepView; attempt: AttemptView }[] {
  return view.steps
    .flatMap((step) => step.log.map((attempt) => ({ step, attempt })))
    .sort((one, other) => compareText(one.attempt.endedAt, other.attempt.endedAt));
}

/** One attempt in words: node, action or rollback, number, result, and the node's word or the error. */
export function describeAttempt(step: StepView, attempt: AttemptView, colors: Colors): string[] {
  return [
    printable(step.participant),
    phaseWords[attempt.phase],
    String(attempt.number),
    colors[resultColors[attempt.result]](attempt.result),
    printable(attempt.detail ?? ''),
  ];
}

export const describeStatus = ({ status, stuck }: Pick<SagaView, 'status' | 'stuck'>): string =>
  stuck ? `${status}, stuck` : status;

const compareText = (one: string, other: string): number =>
  one < other ? -1 : Number(one > other);

function printNewAttempts(context: Context, view: SagaView, seen: Set<string>): void {
  for (const { step, attempt } of listAttempts(view)) {
    const identity = JSON.stringify([step.name, attempt.phase, attempt.number, attempt.startedAt]);
    if (seen.has(identity)) continue;
    seen.add(identity);
    const [node, phase = '', number, result, detail] = describeAttempt(
      step,
      attempt,
      context.colors,
    );
    context.print(`${node}  ${phase.padEnd(8)}  attempt ${number}  ${result}  ${detail}`.trimEnd());
  }
}

function printEnd(context: Context, view: SagaView): number {
  const isDone = view.status === 'completed';
  if (context.options.json) context.printDocument(view);
  else {
    const { green, yellow } = context.colors;
    const reason = view.error === null ? '' : `: ${printable(view.error)}`;
    const from = Date.parse(view.acceptedAt);
    const until = view.endedAt === null ? Date.now() : Date.parse(view.endedAt);
    context.print(
      `${(isDone ? green : yellow)(describeStatus(view))}${reason} (${formatSeconds(until - from)}, saga ${printable(view.id)})`,
    );
  }
  return isDone ? exitCodes.done : exitCodes.notDone;
}
