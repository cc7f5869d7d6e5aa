import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { isIP, type AddressInfo } from 'node:net';
import { ConfigError, type Logger } from '@reliable-ops/runtime';
import type { Metrics } from './registry.ts';

export interface MetricsServer {
  url: string;
  close(): Promise<void>;
}

export interface ServeMetricsOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  logger: Logger;
}

/**
 * GET /metrics of a process that serves nothing else. It asks nobody for a token: what it tells are names of sagas and nodes, and numbers.
 * Null where the port is taken: several workers on one machine are no reason not to work, and metrics are none either.
 * Throws ConfigError where the address cannot be.
 */
export async function serveMetrics(
  metrics: Pick<Metrics, 'expose' | 'contentType'>,
  { host, port, logger }: ServeMetricsOptions,
): Promise<MetricsServer | null> {
  const address = host.replaceAll(/^\[|\]$/g, '');
  const answer = (response: ServerResponse, status: number, text: string): void =>
    void response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
  const server = createServer((request, response) => {
    // By DNS rebinding a page that somebody visits has a name of its own for our loopback address.
    if (isLoopback(address) && !isLoopback(nameOf(request.headers.host ?? '')))
      return answer(response, 403, 'this is not a name of this server\n');
    if (request.url?.split('?')[0] !== '/metrics') return answer(response, 404, 'GET /metrics\n');
    if (request.method !== 'GET') return answer(response, 405, 'GET /metrics\n');
    metrics.expose().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      (error: unknown) => {
        logger.error({ err: error }, 'the metrics could not be read');
        answer(response, 500, 'unexpected error: the log has it\n');
      },
    );
  });
  server.listen(port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      logger.warn({ host, port }, 'METRICS_PORT is in use: this process serves no metrics');
      return null;
    }
    if (code === 'EACCES')
      throw new ConfigError(`METRICS_PORT=${port}: this user may not open that port`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new ConfigError(`METRICS_HOST=${host}: this machine has no such address`);
    throw error;
  }
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://${isIP(address) === 6 ? `[${address}]` : address}:${bound}/metrics`;
  return { url, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** The name or address in a Host header, without port and brackets. */
const nameOf = (header: string): string =>
  (/^(\[[\da-f:.]+\]|[\w.-]+)(?::\d*)?$/i.exec(header)?.[1] ?? '')
    .toLowerCase()
    .replaceAll(/^\[|\]$/g, '');
