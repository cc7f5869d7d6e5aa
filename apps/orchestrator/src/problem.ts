import { STATUS_CODES } from 'node:http';
import { RequestError } from '@hono/node-server';
import type { Problem } from '@reliable-ops/contracts';
import { isPostgresAway, postgresErrorOf } from '@reliable-ops/database';
import {
  ContendedError,
  IdempotencyConflictError,
  InvalidRequestError,
  UnknownSagaError,
} from '@reliable-ops/saga';
import { HTTPException } from 'hono/http-exception';

/** Seconds after which a client should ask again. */
const retryAfterSeconds = 1;

/** Statements that fail because the schema is not there yet: the database, a schema, a table, a column, a function. */
const notMigratedCodes = new Set(['3D000', '3F000', '42P01', '42703', '42883']);

interface ProblemOptions {
  /** The part of the request that is wrong. */
  field?: string;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** An answer that is no success. `code` is stable; `message` becomes the detail: what to do about it. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.status = status;
    this.code = code;
    this.field = options.field;
    this.headers = options.headers ?? {};
  }
}

export const badRequest = (field: string, detail: string): ProblemError =>
  new ProblemError(400, 'INVALID_REQUEST', detail, { field });

export const unavailable = (code: string, detail: string, cause?: unknown): ProblemError =>
  new ProblemError(503, code, detail, {
    headers: { 'Retry-After': String(retryAfterSeconds) },
    cause,
  });

/** Too much at once: nothing of the request was accepted. */
export const overloaded = (detail: string): ProblemError =>
  new ProblemError(429, 'OVERLOADED', detail, {
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });

/** The one place that says which error is which answer. */
export function problemErrorOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof InvalidRequestError)
    return new ProblemError(400, error.code, `${error.field}: ${error.message}`, error);
  if (error instanceof UnknownSagaError)
    return new ProblemError(400, error.code, error.message, { field: 'saga' });
  if (error instanceof IdempotencyConflictError)
    return new ProblemError(422, error.code, error.message, { field: 'Idempotency-Key' });
  if (error instanceof ContendedError) return unavailable('CONTENDED', error.message, error);
  if (error instanceof HTTPException)
    return new ProblemError(error.status, 'HTTP', error.message || titleOf(error.status));
  if (isPostgresAway(error))
    return unavailable('POSTGRES_AWAY', 'Postgres does not answer: try again', error);
  const code = postgresErrorOf(error)?.code ?? '';
  if (notMigratedCodes.has(code))
    return unavailable('NOT_MIGRATED', 'the database is not migrated yet: try again', error);
  // Class 28: it does not let us in. The caller cannot mend it, but somebody may be about to.
  if (code.startsWith('28'))
    return unavailable('POSTGRES_AWAY', 'Postgres does not let this process in', error);
  return new ProblemError(500, 'INTERNAL', 'unexpected error: the log of the orchestrator has it', {
    cause: error,
  });
}

export const problemType = 'application/problem+json';

export const problemOf = ({ status, code, message, field }: ProblemError): Problem => ({
  type: 'about:blank',
  title: titleOf(status),
  status,
  detail: message,
  code,
  ...(field === undefined ? {} : { field }),
});

export function problemResponse(error: ProblemError): Response {
  const headers = { ...error.headers, 'Content-Type': problemType };
  return new Response(JSON.stringify(problemOf(error)), { status: error.status, headers });
}

/** What never reached the app: a URL or a Host header that makes no sense. */
export const answerOutsideApp = (error: unknown): Response => {
  const known =
    error instanceof RequestError ? new HTTPException(400, { message: error.message }) : error;
  return problemResponse(problemErrorOf(known));
};

const titleOf = (status: number): string => STATUS_CODES[status] ?? 'Error';
