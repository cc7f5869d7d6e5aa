import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Hono } from 'hono';
import { limitBody } from '../src/body-limit.ts';

const maxBytes = 1_000;

/** Answers with the number of bytes that got through, and keeps what it was asked in between. */
const createApp = (reached: string[], endings: unknown[], dropMs = 600_000): Hono =>
  new Hono()
    .use(
      limitBody({
        maxBytes,
        dropBytes: 1_000_000,
        dropMs,
        answerTooLarge: (c, headers) => c.text('too large', 413, headers),
        endedEarly: (cause) => new Error('ended early', { cause }),
      }),
    )
    .all('*', async (c) => {
      reached.push(c.req.method);
      return c.text(String((await c.req.arrayBuffer()).byteLength));
    })
    .onError((error, c) => {
      endings.push(error.message);
      return c.text(error.message, 400);
    });

const reached: string[] = [];
const endings: unknown[] = [];
let server: Server;
let hasty: Server;

beforeAll(async () => {
  server = createServer(getRequestListener(createApp(reached, endings).fetch)).listen(0);
  hasty = createServer(getRequestListener(createApp(reached, endings, 1).fetch)).listen(0);
  await Promise.all([once(server, 'listening'), once(hasty, 'listening')]);
});

beforeEach(() => {
  reached.length = 0;
  endings.length = 0;
});

afterAll(() => {
  for (const each of [server, hasty]) {
    each.close();
    each.closeAllConnections();
  }
});

const open = (to = server): Socket => connect((to.address() as AddressInfo).port, '127.0.0.1');

const withLength = (size: number): string =>
  `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`;

const chunkedHead = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
const chunkOf = (size: number): string => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
const inChunks = (...sizes: number[]): string =>
  `${chunkedHead}${sizes.map(chunkOf).join('')}0\r\n\r\n`;

/** Sends these on one connection, each once the one before has been answered. */
async function answersTo(...requests: string[]): Promise<{ status: number; body: string }[]> {
  const socket = open();
  const answers = [];
  for (const request of requests) {
    socket.write(request);
    answers.push(await readAnswer(socket));
  }
  socket.destroy();
  return answers;
}

async function readAnswer(
  socket: Socket,
): Promise<{ status: number; body: string; closes: boolean }> {
  const cut = once(socket, 'close').then(() => {
    throw new Error('closed before its answer');
  });
  cut.catch(() => {}); // also after it
  let text = '';
  for (;;) {
    const [head, body] = text.split('\r\n\r\n', 2);
    const length = head?.match(/content-length: (\d+)/i)?.[1];
    if (head && body !== undefined && body.length === Number(length))
      return {
        status: Number(head.split(' ')[1]),
        body,
        closes: /connection: close/i.test(head),
      };
    const [bytes] = (await Promise.race([once(socket, 'data'), cut])) as [Buffer];
    text += bytes.toString();
  }
}

const through = (size: number) => ({ status: 200, body: String(size), closes: false });
const tooLarge = { status: 413, body: 'too large', closes: false };

describe('a body', () => {
  test('of exactly the limit gets through, with a length and without', async () => {
    expect(await answersTo(withLength(1_000), inChunks(400, 600), inChunks())).toEqual([
      through(1_000),
      through(1_000),
      through(0),
    ]);
  });

  test('of one byte more does not; its connection goes on, since the body was read to its end', async () => {
    const requests = [withLength(1_001), inChunks(400, 601), withLength(900_000), withLength(5)];
    expect(await answersTo(...requests)).toEqual([tooLarge, tooLarge, tooLarge, through(5)]);
    expect(reached).toEqual(['POST']);
  });

  test('that has no end is answered as well, and its connection closed', async () => {
    const socket = open();
    const closed = once(socket, 'close');
    socket.write(chunkedHead + chunkOf(50_000).repeat(21));
    expect(await readAnswer(socket)).toEqual({ ...tooLarge, closes: true });
    await closed;
    expect(reached).toEqual([]);
  });

  test('that says it is too large and then does not come is answered as well', async () => {
    const socket = open(hasty);
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nxxx');
    expect(await readAnswer(socket)).toEqual({ ...tooLarge, closes: true });
    socket.destroy();
  });

  test('that ends early reaches nobody', async () => {
    const socket = open();
    socket.end(chunkedHead + chunkOf(5));
    expect(String(Buffer.concat(await socket.toArray()))).toMatch(/^HTTP\/1.1 400 /);
    expect([reached, endings]).toEqual([[], ['ended early']]);
  });

  test('that says its length is left alone: no stream is made of it', async () => {
    const request = new Request('http://a/', {
      method: 'POST',
      headers: { 'content-length': '5' },
      body: 'xxxxx',
    });
    const untouched = Object.defineProperty(request, 'body', {
      get: () => {
        throw new Error('a stream was made');
      },
    });
    const answer = await createApp(reached, endings).fetch(untouched);
    expect([answer.status, await answer.text()]).toEqual([200, '5']);
  });
});

test('what has no body gets through', async () => {
  const head = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
  expect(await answersTo(head, head.replace('GET', 'DELETE'))).toEqual([through(0), through(0)]);
});
