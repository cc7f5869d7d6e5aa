import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ky, { type Options } from 'ky';
import { fetchFromNode, nodeJson } from '../src/node-fetch.ts';
import { describeError } from '../src/outcome.ts';

let server: Server;
let url: string;
let answer: RequestListener;
beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  url = await listen(server);
});
afterAll(() => close(server));

async function listen(to: Server): Promise<string> {
  await new Promise<void>((resolve) => to.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(to.address() as AddressInfo).port}`;
}
async function close(it: Server): Promise<void> {
  it.closeAllConnections();
  await new Promise((resolve) => it.close(resolve));
}

const seen = async (request: IncomingMessage) => {
  const { host, node, 'content-type': type } = request.headers;
  return { url: request.url, method: request.method, host, node, type, body: await text(request) };
};
/** What came of one call: status, body and a header, or the error as an outcome tells it. */
async function call(
  through: typeof fetch | typeof fetchFromNode,
  to: string,
  init: Options = {
    method: 'post',
    json: { groupId: 'ü' },
  },
) {
  const http = ky.create({
    prefixUrl: to,
    headers: { node: 'node01' },
    retry: 0,
    throwHttpErrors: false,
    fetch: through,
  });
  try {
    const response = await http('v1/group?a=%20', init);
    return {
      status: response.status,
      ok: response.ok,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  } catch (error) {
    return { error: describeError(error) };
  }
}
const both = async (to: string, init?: Parameters<typeof call>[2]) => [
  await call(fetchFromNode, to, init),
  await call(fetch, to, init),
];

describe('as through fetch', () => {
  test.each(['get', 'post', 'put', 'delete'])(
    '%s: a node sees the same request',
    async (method) => {
      const requests: unknown[] = [];
      answer = async (request, response) => {
        requests.push(await seen(request));
        response.end();
      };
      await both(url, method === 'get' ? { method } : { method, json: { groupId: 'ü' } });
      expect(requests).toHaveLength(2);
      expect(requests[0]).toEqual(requests[1]);
    },
  );

  test('a body beside the request is the body that ky would have put in', async () => {
    const requests: unknown[] = [];
    answer = async (request, response) => {
      requests.push(await seen(request));
      response.end();
    };
    const json = { groupId: 'ü' };
    await call(fetchFromNode, url, { method: 'post', ...nodeJson(json) });
    await call(fetch, url, { method: 'post', json });
    expect(requests).toHaveLength(2);
    expect(requests[0]).toEqual(requests[1]);
  });

  test.each([200, 201, 204, 304, 400, 404, 429, 500, 503])('%d is answered', async (status) => {
    answer = (_request, response) =>
      response
        .writeHead(status, {
          'content-type': 'text/plain; charset=utf-8',
          'set-cookie': ['a', 'b'],
        })
        .end(status === 204 || status === 304 ? undefined : 'zwölf');
    const [ours, fetched] = await both(url);
    expect(ours).toEqual(fetched);
    expect(ours).toMatchObject({ status });
  });

  test('but a redirect, which is answered, not followed', async () => {
    const asked: unknown[] = [];
    answer = (request, response) => {
      asked.push(request.url);
      response.writeHead(308, { location: '/there' }).end('there');
    };
    expect(await call(fetchFromNode, url)).toMatchObject({ status: 308, text: 'there' });
    expect(asked).toHaveLength(1);
  });

  test('nobody who listens is told as refused', async () => {
    const gone = createServer();
    const nowhere = await listen(gone);
    await close(gone);
    const [ours, fetched] = await both(nowhere);
    expect(ours).toEqual(fetched);
    expect(ours).toEqual({ error: expect.stringMatching(/^ECONNREFUSED /) });
  });

  test.each<[string, RequestListener]>([
    ['before its head', (request) => request.socket.destroy()],
    ['by a reset', (request) => request.socket.resetAndDestroy()],
    [
      'in its body',
      (request, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('half', () => request.socket.destroy());
      },
    ],
  ])('an answer that is cut %s is told as what cut it', async (_name, cut) => {
    answer = cut;
    const [ours, fetched] = await both(url);
    expect(ours).toEqual(fetched);
    expect(ours).toEqual({ error: expect.stringMatching(/^[A-Z_]+ ./) });
  });

  test('whoever aborts a call is told so', async () => {
    for (const through of [fetchFromNode, fetch]) {
      const controller = new AbortController();
      answer = () => controller.abort(new Error('enough'));
      const { signal } = controller;
      expect(await call(through, url, { method: 'get', signal })).toEqual({ error: 'enough' });
      expect(await call(through, url, { method: 'get', signal })).toEqual({ error: 'enough' });
      await expect(through(new Request(url, { signal }))).rejects.toBe(signal.reason);
    }
  });
});

test('what is no HTTP is told as that', async () => {
  answer = (request) => request.socket.end('what?\r\n\r\n');
  expect(await call(fetchFromNode, url)).toEqual({
    error: expect.stringMatching(/^Response does not match the HTTP\/1.1 protocol/),
  });
});

test('the time-out bounds the whole answer, not its head alone', async () => {
  const late = { error: 'no answer within the time-out' };
  answer = () => {};
  expect(await both(url, { method: 'get', timeout: 50 })).toEqual([late, late]);
  answer = (_request, response) => void response.writeHead(200).write('half');
  expect(await call(fetchFromNode, url, { method: 'get', timeout: 50 })).toEqual(late);
});
