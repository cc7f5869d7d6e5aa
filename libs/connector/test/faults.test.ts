import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createFaultClient } from '../src/index.ts';

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function clusterThatAnswers(status: number, body: string): Promise<string> {
  server = createServer((_request, response) => {
    response.writeHead(status, { connection: 'close' });
    response.end(body);
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a cluster without faults is told apart from one that is away', async () => {
  const none = createFaultClient({ url: await clusterThatAnswers(404, 'no'), timeoutMs: 2_000 });
  await expect(none.read()).rejects.toMatchObject({ reason: 'none' });
  const away = createFaultClient({ url: 'http://127.0.0.1:9', timeoutMs: 2_000 });
  await expect(away.read()).rejects.toMatchObject({
    reason: 'away',
    message: expect.stringContaining('does not answer'),
  });
});

test.each([
  [500, 'oops'],
  [200, 'not JSON'],
  [200, '{"node01":{"error":7}}'],
])('an answer of %i "%s" is not taken for faults', async (status, body) => {
  const client = createFaultClient({
    url: await clusterThatAnswers(status, body),
    timeoutMs: 2_000,
  });
  await expect(client.read()).rejects.toMatchObject({ reason: 'away' });
});
