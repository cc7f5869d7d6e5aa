import type { MiddlewareHandler } from 'hono';
import { serverResponseOf } from '../hanging-up.ts';
import { strictPolicy } from './content-policy.ts';

/**
 * What browsers are told with every answer: it may not be framed, read by another origin, or taken for another type, and loads
 * nothing but our own files. An answer that brings its own header keeps it.
 * Whoever puts TLS in front sets Strict-Transport-Security there; on loopback it would spoil plain HTTP on other ports.
 */
const answerHeaders = Object.entries({
  'Content-Security-Policy': strictPolicy,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  // With `no-referrer` a form of ours would be sent with `Origin: null`, which we refuse.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Download-Options': 'noopen',
  'X-Frame-Options': 'DENY',
  'X-Permitted-Cross-Domain-Policies': 'none',
  'X-XSS-Protection': '0',
});

/**
 * Sets them on Node's own response, before the answer is made: set on a `Response` (as hono's secureHeaders does) they take
 * a Headers object, and more time than all the rest of our middleware.
 */
export const secureAnswers: MiddlewareHandler = async (context, next) => {
  const response = serverResponseOf(context);
  if (response) {
    for (const [name, value] of answerHeaders) response.setHeader(name, value);
    return next();
  }
  await next();
  for (const [name, value] of answerHeaders)
    if (!context.res.headers.has(name)) context.res.headers.set(name, value);
};
