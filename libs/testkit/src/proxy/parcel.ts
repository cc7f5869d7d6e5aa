import {
  request as startRequest,
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';

/** A request that was read in full, so that it can be delivered when its client is long gone. */
export interface Parcel {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The longest wait for an answer: longer than anybody's patience, so that only what would never come is given up. */
const silenceMs = 60_000;

/** Headers of one connection, which the next one has its own of. */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'content-length',
]);

/** Rejects when the client goes away in the middle of it. */
export async function readParcel(request: IncomingMessage): Promise<Parcel> {
  const { method = 'GET', url: path = '/' } = request;
  return { method, path, headers: endToEnd(request), body: await readBody(request) };
}

/** Rejects with the system's error where nobody answers, or the connection breaks. */
export function deliver(parcel: Parcel, target: URL, agent: Agent): Promise<Reply> {
  const { method, path, headers, body } = parcel;
  return new Promise((resolve, reject) => {
    const sending = startRequest(
      {
        agent,
        host: target.hostname,
        port: target.port,
        method,
        path,
        headers: { ...headers, 'content-length': String(body.length) },
      },
      (response) => {
        readBody(response).then(
          (read) =>
            resolve({ status: response.statusCode!, headers: endToEnd(response), body: read }),
          reject,
        );
      },
    );
    sending.once('error', reject);
    sending.setTimeout(silenceMs, () => sending.destroy(new Error('no answer')));
    sending.end(body);
  });
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const endToEnd = ({ headers }: IncomingMessage): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)));
