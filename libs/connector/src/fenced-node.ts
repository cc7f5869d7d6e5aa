import {
  operationOutcomes,
  operationResults,
  staleStatus,
  type Operation,
  type OperationResult,
} from '@reliable-ops/contracts';
import type { Command, Outcome, Participant } from '@reliable-ops/saga';
import type { KyInstance } from 'ky';
import { groupData, kinds, ownershipTimestamp } from './group-sagas.ts';
import { nodeJson } from './node-fetch.ts';
import { describeError, outcomeOfStatus } from './outcome.ts';

const operationOf: Record<string, Operation['op']> = {
  [kinds.create]: 'create',
  [kinds.delete]: 'delete',
  [kinds.undo]: 'undo',
};

/**
 * A node that fences: one call carries a batch, each command under its token. The node keeps outcome and
 * before-image by itself and repeats the outcome when a token comes again.
 */
export function createFencedNode(http: KyInstance): Participant {
  return {
    async run(kind, commands) {
      const op = operationOf[kind];
      if (!op) throw new Error(`the fenced protocol has no "${kind}"`);
      const body = commands.map(({ data, token }): Operation => ({
        op,
        groupId: groupData.parse(data).groupId,
        timestamp: ownershipTimestamp(token[0]),
        token,
      }));
      let status: number;
      let text: string;
      try {
        const response = await http.post('v1/operations', nodeJson(body));
        status = response.status;
        text = await response.text();
      } catch (error) {
        // The call as a whole got lost, and perhaps only its answer did.
        return allUnknown(commands, describeError(error));
      }
      if (status !== 200) return refused(status, text, commands);
      const results = readResults(text, commands.length);
      if (!results)
        return allUnknown(commands, `an answer that cannot be read: ${text.slice(0, 200)}`);
      return results.map(outcomeOf);
    },
  };
}

/**
 * The whole call was refused. A 4xx was stored under no token (validation, a proxy in between), so it counts as
 * unknown; one command may be its cause, so a batch comes back in halves.
 */
function refused(status: number, text: string, commands: Command[]): Outcome[] {
  const error = `${status} ${text.slice(0, 200)}`;
  const isOfOne = status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (isOfOne && commands.length > 1) throw new Error(error);
  return allUnknown(commands, error);
}

const allUnknown = (commands: Command[], error: string): Outcome[] =>
  commands.map(() => ({ result: 'unknown', error }));

/** Undefined where the text is not a result for each of `count` operations. */
function readResults(text: string, count: number): OperationResult[] | undefined {
  try {
    const parsed = operationResults.safeParse(JSON.parse(text));
    return parsed.success && parsed.data.length === count ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** One object for all commands that a node has answered alike. */
const applied = new Map(
  operationOutcomes.map((output): [string, Outcome] => [output, { result: 'applied', output }]),
);

function outcomeOf(result: OperationResult): Outcome {
  if ('outcome' in result) return applied.get(result.outcome)!;
  if (result.status === staleStatus)
    return { result: 'unknown', error: `stale: ${result.message}`, broken: true };
  return outcomeOfStatus(result.status, result.message);
}
