import type { Logger } from '@reliable-ops/runtime';
import type { Cohort, Command, EngineObserver, ParticipantCall } from '@reliable-ops/saga';

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

    ended(cohorts: Cohort[]) {
      if (!logger.isLevelEnabled('debug')) return;
      let lines = 0;
      let more = 0;
      for (const { state, members } of cohorts) {
        const { name, status, error } = state;
        const told = status === 'completed' ? [] : members.slice(0, linesPerBatch - lines);
        for (const { id: saga, key } of told)
          logger.debug({ saga, key, name, status, error }, 'saga ended');
        lines += told.length;
        more += members.length - told.length;
      }
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
