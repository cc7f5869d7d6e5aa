/**
 * Errors of the engine. `code` is stable (docs/errors.md says what to do); `kind` says whom it concerns:
 * `input` (the caller can mend it), `retryable` (the same call may work later), `bug` (ours).
 */
export abstract class SagaError extends Error {
  abstract readonly code: string;
  abstract readonly kind: 'input' | 'retryable' | 'bug';
}

/** A definition that cannot be right, or one that this process does not know. */
export class DefinitionError extends SagaError {
  override readonly name = 'DefinitionError';
  readonly code = 'DEFINITION';
  readonly kind = 'bug';
}

/** A promise would break if we went on: the transition is not made, and the log says so until somebody has looked. */
export class BrokenInvariantError extends SagaError {
  override readonly name = 'BrokenInvariantError';
  readonly code = 'BROKEN_INVARIANT';
  readonly kind = 'bug';
}

/** A request that accept refuses; `field` names the bad part. */
export class InvalidRequestError extends SagaError {
  override readonly name = 'InvalidRequestError';
  readonly code = 'INVALID_REQUEST';
  readonly kind = 'input';
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** No saga of that name. */
export class UnknownSagaError extends SagaError {
  override readonly name = 'UnknownSagaError';
  readonly code = 'UNKNOWN_SAGA';
  readonly kind = 'input';
}

/** The Idempotency-Key was used before, with another body. */
export class IdempotencyConflictError extends SagaError {
  override readonly name = 'IdempotencyConflictError';
  readonly code = 'IDEMPOTENCY_CONFLICT';
  readonly kind = 'input';
}

/** What was asked for lost a race again and again; the same call may work later. */
export class ContendedError extends SagaError {
  override readonly name = 'ContendedError';
  readonly code = 'CONTENDED';
  readonly kind = 'retryable';
}
