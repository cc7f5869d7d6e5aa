import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The status of what Node's parser says of a request; 400 where it is not among these. */
const statusOf: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export interface ErrorBody {
  contentType: string;
  body: string;
}

/**
 * What is no HTTP, or ends in the middle, never becomes a request: Node would answer it with a status and no
 * body. This gives it one in the API's own shape, and closes the connection, on which nothing more can be read.
 */
export function answerBrokenRequests(
  server: Server,
  describe: (status: number, message: string) => ErrorBody,
): void {
  const latest = new WeakMap<Socket, ServerResponse>();
  server.prependListener('request', (request, response) => latest.set(request.socket, response));

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const response = latest.get(socket);
    // In the middle of an answer to an earlier request: a second one would be taken for a part of it.
    const isAnswering = response?.headersSent === true && !response.writableFinished;
    if (!socket.writable || isAnswering || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = statusOf[error.code ?? ''] ?? 400;
    const { contentType, body } = describe(
      status,
      `not a request that HTTP knows: ${error.message}`,
    );
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${contentType}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });

  server.on('checkExpectation', (_request, response: ServerResponse) => {
    const { contentType, body } = describe(417, 'Expect: only 100-continue is known');
    response
      .writeHead(417, {
        Connection: 'close',
        'Content-Type': contentType,
        'Content-Length': Buffer.byteLength(body),
      })
      .end(body);
  });
}
