import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { drainServer } from '../src/drain.ts';

/** A server whose kept-alive connections nothing else closes. */
async function startServer(answer: Promise<string>) {
  const server = createServer({ keepAliveTimeout: 0 }, (_request, response) => {
    void answer.then((text) => response.end(text));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}` };
}

test('the answer under way is given, and its connection, kept alive, is closed after it', async () => {
  let answer: ((text: string) => void) | undefined;
  const { server, url } = await startServer(new Promise((resolve) => (answer = resolve)));
  const agent = new Agent({ keepAlive: true });
  const request = get(url, { agent });
  await once(server, 'request');
  const drained = drainServer(server, 3_600_000);
  answer?.('done');
  const [response] = await once(request, 'response');
  const [text] = await once(response, 'data');
  expect(String(text)).toBe('done');
  response.resume();
  await drained;
  agent.destroy();
});

test('an answer that never comes is cut off', async () => {
  const { server, url } = await startServer(new Promise(() => {}));
  const request = get(url);
  await once(server, 'request');
  const failed = once(request, 'error');
  await drainServer(server, 1);
  await failed;
});
