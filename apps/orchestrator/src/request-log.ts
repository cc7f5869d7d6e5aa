import type { Logger } from '@reliable-ops/runtime';
import type { MiddlewareHandler } from 'hono';
import { problemErrorOf } from './problem.ts';

/** A line a request: at debug; at warn where it could not be served, at error where that is a bug of ours. Headers and bodies stay out of it. */
export function logRequests(logger: Logger): MiddlewareHandler {
  return async (context, next) => {
    const startedAt = performance.now();
    await next();
    const { method, path } = context.req;
    const { status } = context.res;
    const line = { method, path, status, tookMs: Math.round(performance.now() - startedAt) };
    if (status < 500) return logger.debug(line, 'request');
    const { cause } = problemErrorOf(context.error);
    if (status === 500) return logger.error({ ...line, err: cause }, 'unexpected error');
    logger.warn({ ...line, reason: cause instanceof Error ? cause.message : undefined }, 'request');
  };
}
