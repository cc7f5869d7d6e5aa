import type { Logger } from '@reliable-ops/runtime';
import type { MiddlewareHandler } from 'hono';

/** A line a request: at debug, at warn where the answer is ours to explain (5xx). Headers and bodies stay out of it. */
export function logRequests(logger: Logger): MiddlewareHandler {
  return async (context, next) => {
    const startedAt = performance.now();
    await next();
    const { method, path } = context.req;
    const { status } = context.res;
    const tookMs = Math.round(performance.now() - startedAt);
    logger[status >= 500 ? 'warn' : 'debug']({ method, path, status, tookMs }, 'request');
  };
}
