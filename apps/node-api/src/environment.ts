import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { refusal } from './errors.ts';
import { isNodeName, nodeNames, type NodeName } from './nodes.ts';

/** Every handler runs under @hono/node-server: faults need the socket. */
export type Environment = { Bindings: HttpBindings };
export type RequestContext = Context<Environment>;

/** The node that the request is for. Throws 406 where the header names none of ours. */
export function requireNode(c: RequestContext): NodeName {
  const node = c.req.header('node');
  if (node === undefined) throw refusal(406, 'provide node parameter in request headers');
  if (!isNodeName(node)) throw refusal(406, unknownNode(node));
  return node;
}

export const unknownNode = (node: string): string =>
  `node ${node} is not configured. Available nodes [${nodeNames.map((name) => `'${name}'`).join(', ')}]`;

/**
 * The path as it was sent. The URL parser would resolve `.` and `..`, which are ids like any other:
 * `GET /v1/group/..` asks for the group named `..`.
 */
export function rawPathOf(request: Request, incomingUrl: string | undefined): string {
  if (incomingUrl === undefined || !incomingUrl.startsWith('/'))
    return new URL(request.url).pathname;
  return incomingUrl.replace(/[?#].*$/s, '');
}

/** Refuses a Host header that makes no URL (`Host: 9007199254740991`): whoever reads the body would trip over it. */
export const requireUrl: MiddlewareHandler<Environment> = async (c, next) => {
  if (!URL.canParse(c.req.url)) throw refusal(400, 'Invalid host header');
  return next();
};
