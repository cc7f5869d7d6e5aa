import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { FuzzReply, FuzzRequest } from './request.ts';

/** Milliseconds that an answer may take: the longest wait that is asked for is one second. */
const patienceMs = 10_000;
/** Milliseconds that a request without an end is held open. */
const partialMs = 20;

export interface Sender extends Disposable {
  /** Undefined: it was cut, or (a partial one) nothing came. Rejects where an answer was due and none came in time. */
  send(request: FuzzRequest): Promise<FuzzReply | undefined>;
}

class HungError extends Error {
  override readonly name = 'HungError';
}

export function createSender(urls: Record<FuzzRequest['target'], string>): Sender {
  const agent = new Agent({ keepAlive: true });
  const guarded = new WeakSet<Socket>();
  const ports = {
    orchestrator: Number(new URL(urls.orchestrator).port),
    'node-api': Number(new URL(urls['node-api']).port),
  };

  const sendHttp = (sent: FuzzRequest, isAgain = false): Promise<FuzzReply | undefined> =>
    new Promise((resolve, reject) => {
      const { method, path, headers, body } = sent;
      const outgoing = httpRequest(
        {
          agent,
          host: '127.0.0.1',
          port: ports[sent.target],
          method,
          path: path.replaceAll(/[^\x21-\xff]/g, encodeURIComponent),
          headers: {
            ...headers,
            ...framingOf(sent),
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          const finish = (): void =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers as Record<string, string>,
              text: Buffer.concat(chunks).toString(),
            });
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', () => resolve(undefined));
          incoming.on('end', finish);
          // A stream of events has no end: its client leaves.
          if (incoming.headers['content-type']?.startsWith('text/event-stream')) {
            finish();
            incoming.destroy();
          }
        },
      );
      outgoing.setTimeout(patienceMs, () => {
        outgoing.destroy();
        reject(new HungError(`no answer within ${patienceMs} ms`));
      });
      outgoing.on('socket', (socket) => {
        // Answered before its body was out, a request lets go of its socket, whose error then is nobody's.
        if (!guarded.has(socket)) socket.on('error', () => {});
        guarded.add(socket);
      });
      outgoing.on('error', () => {
        // The server had closed the kept-alive connection just then: as any client, once more on another.
        const isStale = outgoing.reusedSocket && !isAgain;
        resolve(isStale ? sendHttp(sent, true) : undefined);
      });
      outgoing.end(body);
    });

  const sendRaw = ({ target, bytes, isPartial }: FuzzRequest): Promise<FuzzReply | undefined> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(ports[target], '127.0.0.1', () => socket.write(bytes!));
      const timer = setTimeout(
        () => {
          socket.destroy();
          if (isPartial === true) resolve(replyOf(chunks));
          else reject(new HungError(`no answer within ${patienceMs} ms`));
        },
        isPartial === true ? partialMs : patienceMs,
      );
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(replyOf(chunks));
      });
    });

  return {
    send: (sent) => (sent.framing === 'raw' ? sendRaw(sent) : sendHttp(sent)),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** Said explicitly: for methods that carry no body as a rule, Node would send it without saying where it ends. */
function framingOf({ body, framing }: FuzzRequest): Record<string, string | number> {
  if (body === undefined) return {};
  return framing === 'chunked'
    ? { 'transfer-encoding': 'chunked' }
    : { 'content-length': body.length };
}

/** The first answer on a connection that was closed after it. */
function replyOf(chunks: Buffer[]): FuzzReply | undefined {
  const all = Buffer.concat(chunks).toString();
  const [head = '', ...rest] = all.split('\r\n\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  if (status === undefined) return undefined;
  const headers = Object.fromEntries(
    head
      .split('\r\n')
      .slice(1)
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
  const body = rest.join('\r\n\r\n');
  const isChunked = headers['transfer-encoding'] === 'chunked';
  return {
    status: Number(status),
    headers,
    text: isChunked ? (/^[\da-f]+\r\n([^]*?)\r\n0/i.exec(body)?.[1] ?? '') : body,
  };
}
