import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { ProblemError } from '../problem.ts';

/** For probes, which carry no token. They tell nothing but alive and ready. */
const openPaths = new Set(['/healthz', '/readyz']);

/** Basic stands first: Chrome looks only at the first scheme of a line, and does not know Bearer. */
const challenge = 'Basic realm="reliable-ops", charset="UTF-8", Bearer realm="reliable-ops"';

/** 401 without one of `tokens`, as bearer or as the password of basic auth. No tokens: everybody may. */
export function requireToken(tokens: string[]): MiddlewareHandler {
  const digests = tokens.map(digestOf);
  return async (context, next) => {
    if (digests.length === 0 || openPaths.has(context.req.path)) return next();
    const given = tokenIn(context.req.header('authorization') ?? '');
    if (given !== undefined) {
      const digest = digestOf(given);
      // All of them, whichever fits: the time taken tells nothing.
      const fitting = digests.filter((known) => timingSafeEqual(known, digest));
      if (fitting.length > 0) return next();
    }
    throw new ProblemError(
      401,
      'UNAUTHORIZED',
      given === undefined
        ? 'a token is needed: Authorization: Bearer <token>, or basic auth with the token as password'
        : 'this token is not known',
      { headers: { 'WWW-Authenticate': challenge } },
    );
  };
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

function tokenIn(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const decoded = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : decoded.slice(colon + 1);
}
