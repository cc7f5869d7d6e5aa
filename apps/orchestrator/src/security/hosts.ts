import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { ProblemError } from '../problem.ts';

export interface HostOptions {
  /** The address that the server listens on. */
  host: string;
  /** More names under which it may be reached, without a port. */
  allowedHosts: string[];
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const anyAddress = new Set(['0.0.0.0', '::', '[::]']);

/**
 * Refuses (403) what a web page that the user visits may send to us:
 * - a `Host` that is not ours: by DNS rebinding a page's own name leads to our address;
 * - an `Origin` of another site, `null` included, and what the browser itself calls cross-site,
 *   except that somebody may follow a link to us.
 * Our names: loopback's, the address listened on, `allowedHosts`, with any port. A server that listens on all addresses
 * is ours under each address literal: a name can be rebound, an address cannot.
 */
export function guardHosts({ host, allowedHosts }: HostOptions): MiddlewareHandler {
  const allowed = new Set(allowedHosts.map(nameInHeader));
  const own = new Set([...loopbackNames, nameInHeader(host), ...allowed]);
  const isOurs = (name: string): boolean =>
    own.has(name) || (anyAddress.has(host) && isIP(name.replaceAll(/^\[|\]$/g, '')) > 0);

  return async (context, next) => {
    const header = context.req.header('host') ?? '';
    const name = nameOf(header);
    if (name === undefined || !isOurs(name))
      throw new ProblemError(
        403,
        'FOREIGN_HOST',
        'this is not a name of this server: reach it under another, or add the name to ALLOWED_HOSTS',
        { field: 'Host' },
      );

    const origin = context.req.header('origin');
    const isAllowedOrigin = origin !== undefined && allowed.has(hostnameOfOrigin(origin) ?? '');
    if (origin !== undefined && !isAllowedOrigin && !isSameHost(origin, header))
      throw crossSite('Origin');

    const site = context.req.header('sec-fetch-site');
    const isFollowedLink =
      context.req.method === 'GET' &&
      context.req.header('sec-fetch-mode') === 'navigate' &&
      context.req.header('sec-fetch-dest') === 'document';
    if (site === 'cross-site' && !isAllowedOrigin && !isFollowedLink)
      throw crossSite('Sec-Fetch-Site');
    return next();
  };
}

const crossSite = (field: string): ProblemError =>
  new ProblemError(403, 'CROSS_SITE', 'requests from pages of other sites are refused', { field });

/** How a name or address stands in a Host header. */
const nameInHeader = (host: string): string =>
  (isIP(host) === 6 ? `[${host}]` : host).toLowerCase();

/** The name in a Host header; undefined where it is none. */
const nameOf = (header: string): string | undefined =>
  /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d*)?$/i.exec(header)?.[1]?.toLowerCase();

function hostnameOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).hostname : undefined;
}

/** Same host and port; a port that the scheme implies may be left out on either side. */
function isSameHost(origin: string, header: string): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const own = `${protocol}//${header}`;
  return URL.canParse(own) && new URL(own).host === host;
}
