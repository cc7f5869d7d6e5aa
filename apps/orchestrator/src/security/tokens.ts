import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { ProblemError } from '../problem.ts';
import { sessionCookie, type Sessions } from './session.ts';

/** For probes, which carry no token, and for the page where one shows it. They tell nothing but alive and ready. */
const openPaths = new Set(['/healthz', '/readyz', '/login']);
const isOpen = (path: string): boolean => openPaths.has(path) || path.startsWith('/assets/');

/** Basic stands first: Chrome looks only at the first scheme of a line, and does not know Bearer. */
const challenge = 'Basic realm="reliable-ops", charset="UTF-8", Bearer realm="reliable-ops"';

/**
 * 401 without one of `tokens`, as bearer or as the password of basic auth, and without a session that one has opened. A
 * browser that wants to see a page is sent to the login instead. No tokens: everybody may.
 */
export function requireToken(
  tokens: string[],
  sessions: Pick<Sessions, 'isOpen'>,
): MiddlewareHandler {
  const digests = tokens.map(digestOf);
  return async (context, next) => {
    if (digests.length === 0 || isOpen(context.req.path)) return next();
    const given = tokenIn(context.req.header('authorization') ?? '');
    if (given !== undefined) {
      const digest = digestOf(given);
      // All of them, whichever fits: the time taken tells nothing.
      const fitting = digests.filter((known) => timingSafeEqual(known, digest));
      if (fitting.length > 0) return next();
    }
    if (sessions.isOpen(getCookie(context, sessionCookie) ?? '')) return next();
    if (given === undefined && wantsPage(context)) {
      const { pathname, search } = new URL(context.req.url);
      return context.redirect(`/login?${new URLSearchParams({ to: pathname + search })}`, 303);
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

/** Whether a person looks at the answer: browsers name HTML first when they open a page, and nobody else does. */
export const wantsPage = ({ req }: Context): boolean =>
  req.method === 'GET' && /^text\/html\b/.test(req.header('accept') ?? '');

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

function tokenIn(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const decoded = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : decoded.slice(colon + 1);
}
