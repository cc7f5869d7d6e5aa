import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** What the server answers to these bytes, until it closes the connection. */
const exchange = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(cluster.port, '127.0.0.1', () => socket.write(bytes));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });

test.each([
  ['what is no HTTP', 'FOO\r\n\r\n', 400],
  ['a length that is none', 'POST /v1/group HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n', 400],
  [
    'headers that are too many',
    `GET / HTTP/1.1\r\nhost: a\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
  ['no Host', 'GET /ping HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
  ['a Host that is none', 'GET /ping HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n', 400],
  ['an expectation nobody knows', 'GET /ping HTTP/1.1\r\nhost: a\r\nexpect: x\r\n\r\n', 417],
])('%s is refused in the shape of every error', async (_, bytes, status) => {
  const [head, body] = (await exchange(bytes)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(JSON.parse(body!)).toEqual({ message: expect.any(String), status });
});

test('a Host that makes no URL is refused before the body is read', async () => {
  const reply = await exchange(
    'PUT /v1/faults/node01 HTTP/1.1\r\nhost: 9007199254740991\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
  );
  expect(reply).toMatch(/^HTTP\/1\.1 400 [^]*"message":"Invalid host header"/);
});

test('garbage behind a request does not spoil its answer', async () => {
  const body = '[{"op":"create","groupId":"a","timestamp":1,"token":[1,0]}]';
  const answer = await exchange(
    `POST /v1/operations HTTP/1.1\r\nhost: a\r\nnode: node01\r\ncontent-length: ${body.length}\r\n\r\n${body}\x00garbage`,
  );
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
});
