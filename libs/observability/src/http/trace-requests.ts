import type { MiddlewareHandler } from 'hono';
import type { Tracing } from '../tracing/tracing.ts';
import { routeOf } from './measure-requests.ts';

/** A span for each request that may change something: what only reads is looked at by eyes, and would bury them. */
export function traceRequests(tracing: Tracing | undefined): MiddlewareHandler {
  if (!tracing) return (_, next) => next();
  return async (context, next) => {
    const { method } = context.req;
    if (method === 'GET' || method === 'HEAD') return next();
    await tracing.request(
      { method, traceparent: context.req.header('traceparent') },
      async (tellAnswer) => {
        await next();
        tellAnswer(routeOf(context), context.res.status);
      },
    );
  };
}
