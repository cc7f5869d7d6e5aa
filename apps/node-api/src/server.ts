import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { answerBrokenRequests } from '@reliable-ops/runtime';
import { createNodeApi, type NodeApiOptions } from './app.ts';
import { nodeLimits } from './limits.ts';

export interface ListenOptions extends Omit<NodeApiOptions, 'closing'> {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
}

export interface NodeApiServer extends AsyncDisposable {
  url: string;
  port: number;
  /** Takes no new connections, lets requests in flight end, cuts those that take longer than 8 s. */
  close(): Promise<void>;
}

/** Serves the node API. Rejects with the system's error (EADDRINUSE, ...) where it cannot listen. */
export async function listenNodeApi(options: ListenOptions): Promise<NodeApiServer> {
  const { host = '127.0.0.1', port = 0, ...rest } = options;
  const closing = new AbortController();
  const app = createNodeApi({ ...rest, closing: closing.signal });
  const listener = getRequestListener(app.fetch, { errorHandler: answerOutsideApp });
  // Without Host the listener refuses it as well, in our shape.
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    void listener(request, response);
  });
  answerBrokenRequests(server, (status, message) => ({
    contentType: 'application/json',
    body: JSON.stringify({ message, status }),
  }));
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  const close = (): Promise<void> => drain(server, closing);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}`,
    port: bound.port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What never reached the app (a URL or Host header that makes no sense), or came out of it as no Error. */
function answerOutsideApp(error: unknown): Response {
  const status = error instanceof RequestError ? 400 : 500;
  const message = error instanceof RequestError ? error.message : 'InternalServerError';
  return Response.json({ message, status }, { status });
}

/** A connection that is kept alive stays open after its last reply, so idle ones are closed as they fall idle. */
async function drain(server: Server, closing: AbortController): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  closing.abort();
  server.close();
  const idle = setInterval(() => server.closeIdleConnections(), 25);
  const deadline = setTimeout(() => server.closeAllConnections(), nodeLimits.drainMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
