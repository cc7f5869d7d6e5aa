import type { Problem } from '@reliable-ops/contracts';

/** The exit codes, the same for every command. */
export const exitCodes = {
  done: 0,
  notDone: 1,
  usage: 2,
  notReachable: 3,
  interrupted: 130,
} as const;

/** What a person can act on: shown as its message alone, on one line. */
export abstract class CliError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: number;
}

/** Typed wrong. The message names the fix. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
  readonly exitCode = exitCodes.usage;
}

/** Nobody answers, or for too long only "later". */
export class UnreachableError extends CliError {
  override readonly name = 'UnreachableError';
  readonly code = 'UNREACHABLE';
  readonly exitCode = exitCodes.notReachable;
}

/** 401. */
export class UnauthorizedError extends CliError {
  override readonly name = 'UnauthorizedError';
  readonly code = 'UNAUTHORIZED';
  readonly exitCode = exitCodes.notReachable;
}

/** Somebody answers, but not what the contract says: another service, or another version. */
export class ContractError extends CliError {
  override readonly name = 'ContractError';
  readonly code = 'CONTRACT';
  readonly exitCode = exitCodes.notReachable;
}

/** Statuses that say that what was sent is wrong, so sending it again cannot help. */
const badInputStatuses = new Set([400, 413, 415, 422]);

/** The orchestrator's own refusal (problem+json). */
export class RefusedError extends CliError {
  override readonly name = 'RefusedError';
  readonly code: string;
  readonly exitCode: number;
  readonly status: number;

  constructor({ code, detail, field, status }: Problem) {
    super(field === undefined || detail.includes(field) ? detail : `${detail} (field: ${field})`);
    this.code = code;
    this.status = status;
    this.exitCode = badInputStatuses.has(status) ? exitCodes.usage : exitCodes.notDone;
  }
}

/** What was asked for by its id is not there. */
export class NotFoundError extends CliError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
  readonly exitCode = exitCodes.notDone;
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
