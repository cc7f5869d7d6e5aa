import type { Server } from 'node:http';

/** Milliseconds between two rounds that close connections on which nothing is under way. */
const closeIdleEveryMs = 50;

/**
 * Takes no new connection; lets the requests in hand end, at most `limitMs`. A kept-alive connection counts as open
 * until somebody closes it, also the one that carried the last answer.
 */
export async function drainServer(server: Server, limitMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const idle = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs);
  const deadline = setTimeout(() => server.closeAllConnections(), limitMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
