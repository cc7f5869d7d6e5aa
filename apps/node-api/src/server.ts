import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
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
  const listener = getRequestListener(app.fetch, { errorHandler: answerUnroutable });
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    void listener(request, response);
  });
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

/** A request whose URL or Host header makes no sense never reaches the app. */
const answerUnroutable = (error: unknown): Response =>
  Response.json(
    { message: error instanceof Error ? error.message : 'Bad Request', status: 400 },
    { status: 400 },
  );

/** A connection that is kept alive stays open after its last reply, so idle ones are closed as they fall idle. */
async function drain(server: Server, closing: AbortController): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  const idle = setInterval(() => server.closeIdleConnections(), 25);
  const deadline = setTimeout(() => {
    closing.abort();
    server.closeAllConnections();
  }, nodeLimits.drainMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
