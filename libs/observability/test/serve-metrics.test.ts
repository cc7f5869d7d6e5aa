import { createServer } from 'node:http';
import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createLogger } from '@reliable-ops/runtime';
import { createMetrics, serveMetrics } from '../src/index.ts';

const logger = createLogger('test', { LOG_LEVEL: 'silent', LOG_FORMAT: 'json' });

/** fetch sets the Host header itself. */
async function ask(url: string, { host, method = 'GET' }: { host?: string; method?: string } = {}) {
  const sent = request(url, { method, ...(host === undefined ? {} : { headers: { host } }) });
  sent.end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, type: response.headers['content-type'], text };
}

test('it serves the metrics, and nothing else', async () => {
  const server = (await serveMetrics(createMetrics(), { host: '127.0.0.1', port: 0, logger }))!;
  try {
    const { status, type, text } = await ask(server.url);
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect((await ask(server.url, { method: 'POST' })).status).toBe(405);
    expect((await ask(server.url.replace('/metrics', '/'))).status).toBe(404);
  } finally {
    await server.close();
  }
});

test('on loopback a page of another site does not reach it by a name of its own', async () => {
  const server = (await serveMetrics(createMetrics(), { host: '127.0.0.1', port: 0, logger }))!;
  try {
    for (const host of ['evil.example', 'evil.example:9464', '127.0.0.1.evil.example'])
      expect((await ask(server.url, { host })).status).toBe(403);
    for (const host of ['localhost:9464', '127.0.0.1', '[::1]:1'])
      expect((await ask(server.url, { host })).status).toBe(200);
  } finally {
    await server.close();
  }
});

test('a port that is taken costs the metrics, not the worker', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  expect(await serveMetrics(createMetrics(), { host: '127.0.0.1', port, logger })).toBeNull();
  other.close();
});

test('an address that this machine does not have is a mistake in the configuration', async () => {
  await expect(
    serveMetrics(createMetrics(), { host: '192.0.2.1', port: 0, logger }),
  ).rejects.toThrow(/^METRICS_HOST=192\.0\.2\.1: /);
});
