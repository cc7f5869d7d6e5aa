import type { Problem } from '@reliable-ops/contracts';

/** What the client throws, unless it is aborted: then it throws the signal's reason. */
export abstract class ClientError extends Error {
  abstract readonly code: string;
}

/** Nobody answers, or for too long only "later". */
export class UnreachableError extends ClientError {
  override readonly name = 'UnreachableError';
  readonly code = 'UNREACHABLE';
}

/** 401. */
export class UnauthorizedError extends ClientError {
  override readonly name = 'UnauthorizedError';
  readonly code = 'UNAUTHORIZED';
}

/** Somebody answers, but not what the contract says: another service, or another version. */
export class ContractError extends ClientError {
  override readonly name = 'ContractError';
  readonly code = 'CONTRACT';
}

/** The orchestrator's own refusal (problem+json), with its code: docs/errors.md. */
export class RefusedError extends ClientError {
  override readonly name = 'RefusedError';
  readonly code: string;
  readonly status: number;
  /** The part of the request that is wrong. */
  readonly field: string | undefined;

  constructor({ code, detail, field, status }: Problem) {
    super(field === undefined || detail.includes(field) ? detail : `${detail} (field: ${field})`);
    this.code = code;
    this.status = status;
    this.field = field;
  }
}

/** What was asked for by its id is not there. */
export class NotFoundError extends ClientError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
}
