import { request } from 'node:http';
import type { Operation, OperationResult } from '@reliable-ops/contracts';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase } from '@reliable-ops/testkit';
import { listenNodeApi, type ListenOptions } from '../src/index.ts';

interface Reply {
  status: number;
  /** JSON where it parses, else the text. */
  body: unknown;
  headers: Headers;
}

interface CallOptions {
  node?: string;
  timestamp?: string;
  headers?: Record<string, string>;
  /** A string or bytes go as they are, anything else as JSON. */
  body?: unknown;
}

export interface Cluster {
  url: string;
  port: number;
  databaseUrl: string;
  sql: Sql;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  operate(node: string, operations: Operation[]): Promise<OperationResult[]>;
  /** A request whose path no URL parser has touched. */
  callRaw(method: string, path: string, headers?: Record<string, string>): Promise<Reply>;
}

/** A node API on a database of its own, served in this process on a free port. */
export async function startCluster(options: Omit<ListenOptions, 'sql'> = {}): Promise<Cluster> {
  const database = await createTestDatabase();
  const sql = connect(database.url, { applicationName: 'node-api-test', max: 10 });
  const server = await listenNodeApi({ sql, ...options });

  const call: Cluster['call'] = async (method, path, { node, timestamp, headers, body } = {}) => {
    const response = await fetch(server.url + path, {
      method,
      headers: {
        ...(node === undefined ? {} : { node }),
        ...(timestamp === undefined ? {} : { timestamp }),
        ...headers,
      },
      ...(body === undefined || body === null ? {} : { body: encode(body) }),
    });
    return {
      status: response.status,
      body: decode(await response.text()),
      headers: response.headers,
    };
  };

  return {
    url: server.url,
    port: server.port,
    databaseUrl: database.url,
    sql,
    close: server.close,
    call,
    async operate(node, operations) {
      const reply = await call('POST', '/v1/operations', { node, body: operations });
      if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`);
      return reply.body as OperationResult[];
    },
    callRaw: (method, path, headers = {}) =>
      new Promise((resolve, reject) => {
        const sent = request(
          { host: '127.0.0.1', port: server.port, method, path, headers, agent: false },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => (text += chunk));
            response.on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                body: decode(text),
                headers: new Headers(response.headers as Record<string, string>),
              }),
            );
          },
        );
        sent.on('error', reject);
        sent.end();
      }),
    async [Symbol.asyncDispose]() {
      await server.close();
      await sql.end({ timeout: 5 });
      await database[Symbol.asyncDispose]();
    },
  };
}

export const decode = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const encode = (body: unknown): string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array
    ? (body as string | Uint8Array<ArrayBuffer>)
    : JSON.stringify(body);

export const error = (status: number, message: string) => ({ status, body: { message, status } });
