import type { Logger } from '@reliable-ops/runtime';
import type { Command, EndedSaga, EngineObserver, ParticipantCall } from '@reliable-ops/saga';

/** Lines about single sagas that one batch writes at most; the rest of it is one line with their number. */
const linesPerBatch = 20;

/**
 * At debug level, what one needs to follow a saga: a line for each attempt that failed, and for each saga that did not complete.
 * At any other level it looks at nothing.
 */
export function createSagaLog(logger: Logger): EngineObserver {
  return {
    called(call: ParticipantCall) {
      if (!logger.isLevelEnabled('debug')) return;
      const { participant: node, kind, commands } = call;
      const failed = failedOf(call);
      for (const { command, result, error } of failed.slice(0, linesPerBatch)) {
        const { sagaId: saga, key, attempt, step, phase } = command;
        logger.debug(
          { saga, key, node, attempt, step, phase, kind, result, error },
          'attempt failed',
        );
      }
      if (failed.length > linesPerBatch)
        logger.debug(
          { node, kind, attempts: commands.length, more: failed.length - linesPerBatch },
          'more attempts of the same call failed',
        );
    },

    ended(sagas: EndedSaga[]) {
      if (!logger.isLevelEnabled('debug')) return;
      const others = sagas.filter(({ status }) => status !== 'completed');
      for (const { id: saga, key, name, status, error } of others.slice(0, linesPerBatch))
        logger.debug({ saga, key, name, status, error }, 'saga ended');
      const more = sagas.length - Math.min(others.length, linesPerBatch);
      if (more > 0) logger.debug({ sagas: more }, 'sagas ended');
    },
  };
}

interface Failed {
  command: Command;
  result: 'rejected' | 'unknown' | 'unhandled';
  error: string;
}

function failedOf({ commands, outcomes }: ParticipantCall): Failed[] {
  if (!Array.isArray(outcomes))
    return commands.map((command) => ({ command, result: 'unhandled', error: outcomes.failure }));
  const failed: Failed[] = [];
  for (const [index, outcome] of outcomes.entries())
    if (outcome.result !== 'applied')
      failed.push({ command: commands[index]!, result: outcome.result, error: outcome.error });
  return failed;
}
