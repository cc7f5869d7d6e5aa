import { ClientError, NotFoundError, RefusedError, UnreachableError } from '@reliable-ops/client';

export { UnreachableError };

/** The exit codes, the same for every command. */
export const exitCodes = {
  done: 0,
  notDone: 1,
  usage: 2,
  notReachable: 3,
  interrupted: 130,
} as const;

/** What a person can act on: shown as its message alone, on one line. */
abstract class CliError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: number;
}

/** Typed wrong. The message names the fix. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
  readonly exitCode = exitCodes.usage;
}

/** Ended by a signal, or because nobody reads any more. Has no line of its own. */
export class InterruptedError extends CliError {
  override readonly name = 'InterruptedError';
  readonly code = 'INTERRUPTED';
  readonly exitCode: number;

  constructor(exitCode: number = exitCodes.interrupted) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

/** Statuses that say that what was sent is wrong, so sending it again cannot help. */
const badInputStatuses = new Set([400, 413, 415, 422]);

/** The exit code of what a person can act on; undefined: it is a bug. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof RefusedError && badInputStatuses.has(error.status)) return exitCodes.usage;
  if (error instanceof RefusedError || error instanceof NotFoundError) return exitCodes.notDone;
  return error instanceof ClientError ? exitCodes.notReachable : undefined;
}
