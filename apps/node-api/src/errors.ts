import { isPostgresAway } from '@reliable-ops/database';
import type { Logger } from '@reliable-ops/runtime';
import type { Context, ErrorHandler, Handler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Throw this to answer `{"message","status"}`, the one shape of every error here. */
export const refusal = (
  status: ContentfulStatusCode,
  message: string,
  cause?: unknown,
): HTTPException => new HTTPException(status, { message, cause });

/** The same shape where nothing is thrown. */
export const answerError = (
  c: Context,
  status: ContentfulStatusCode,
  message: string,
  headers?: Record<string, string>,
): Response => c.json({ message, status }, status, headers);

export const unreadableBody =
  'The browser (or proxy) sent a request that this server could not understand.';

export const answerNotFound = (c: Context): Response =>
  answerError(
    c,
    404,
    'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
  );

export const answerWrongMethod =
  (...allowed: string[]): Handler =>
  (c) => {
    c.header('Allow', allowed.join(', '));
    return answerError(c, 405, 'The method is not allowed for the requested URL.');
  };

/** What a handler threw, as an answer. Only what nobody foresaw is logged. */
export const createErrorHandler =
  (logger: Logger | undefined): ErrorHandler =>
  (error, c) => {
    if (error instanceof HTTPException) return answerError(c, error.status, error.message);
    if (isPostgresAway(error)) {
      c.header('Retry-After', '1');
      return answerError(c, 503, 'Postgres is not reachable at the moment.');
    }
    // The client went away in the middle of its body: nobody is left to read an answer.
    if (!c.req.raw.signal.aborted)
      logger?.error({ err: error, path: c.req.path }, 'a request failed');
    return answerError(c, 500, 'InternalServerError');
  };
