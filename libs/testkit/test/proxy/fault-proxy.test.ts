import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createDecisions,
  noProxyFaults,
  proxyFaultNames,
  startFaultProxy,
  type FaultProxy,
  type ProxyFaults,
} from '../../src/proxy/index.ts';
import { waitFor } from '../../src/wait-for.ts';

/** What has reached the node, in the order it came. */
let arrived: string[];
let node: Server;
let proxy: FaultProxy;

beforeEach(async () => {
  arrived = [];
  node = createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      arrived.push(`${request.method} ${request.url} ${body}`);
      response.setHeader('x-node', request.headers['node'] ?? '');
      response.statusCode = 201;
      response.end(`answer to ${body}`);
    });
  });
  node.listen(0, '127.0.0.1');
  await once(node, 'listening');
  proxy = await startFaultProxy({
    target: `http://127.0.0.1:${(node.address() as AddressInfo).port}`,
    seed: 7,
    lateMs: [400, 500],
    repeatMs: 50,
    holdMs: 10_000,
  });
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  node.closeAllConnections();
  node.close();
});

const post = (body: string, signal = AbortSignal.timeout(10_000)): Promise<Response> =>
  fetch(`${proxy.url}/v1/operations?a=b`, {
    method: 'POST',
    headers: { node: 'node02' },
    body,
    signal,
  });
const only = (fault: keyof ProxyFaults): void => proxy.setFaults({ [fault]: 1 });
const line = (body: string): string => `POST /v1/operations?a=b ${body}`;

describe('the proxy', () => {
  test('without faults passes on method, path, headers, body, status and answer', async () => {
    const response = await post('one');
    expect(response.status).toBe(201);
    expect(response.headers.get('x-node')).toBe('node02');
    expect(await response.text()).toBe('answer to one');
    expect(arrived).toEqual([line('one')]);
    expect(proxy.hits()).toEqual(noProxyFaults);
  });

  test('late: the client gives up first, and then the whole request is delivered', async () => {
    only('late');
    const body = 'x'.repeat(200_000);
    const client = new AbortController();
    const posting = post(body, client.signal);
    await waitFor('it to be read', () => proxy.requests() === 1);
    client.abort();
    await expect(posting).rejects.toThrow();
    expect(arrived).toEqual([]);
    await proxy.idle();
    expect(arrived).toEqual([line(body)]);
    expect(proxy.hits().late).toBe(1);
  });

  test('duplicate: the node gets it twice, the client one answer', async () => {
    only('duplicate');
    expect(await (await post('one')).text()).toBe('answer to one');
    await proxy.idle();
    expect(arrived).toEqual([line('one'), line('one')]);
    expect(proxy.hits().duplicate).toBe(1);
  });

  test('reorder: it is held until others have passed', async () => {
    only('reorder');
    const held = post('first');
    await waitFor('it to be held', () => proxy.requests() === 1);
    proxy.setFaults({});
    for (const body of ['second', 'third', 'fourth']) await post(body);
    expect((await held).status).toBe(201);
    expect(arrived[0]).toBe(line('second'));
    expect(arrived).toContain(line('first'));
    expect(proxy.hits().reorder).toBe(1);
  });

  test('lostReply: the node has it, the client no answer', async () => {
    only('lostReply');
    await expect(post('one')).rejects.toThrow();
    expect(arrived).toEqual([line('one')]);
    expect(proxy.hits().lostReply).toBe(1);
  });

  test('cutReply: the client gets half of an answer', async () => {
    only('cutReply');
    await expect(post('one').then((response) => response.text())).rejects.toThrow();
    expect(arrived).toEqual([line('one')]);
    expect(proxy.hits().cutReply).toBe(1);
  });

  test('cutReply of a client that has gone meanwhile holds nothing back for ever', async () => {
    only('cutReply');
    node.removeAllListeners('request');
    const released = new Promise<void>((resolve) => {
      node.on('request', (_request, response) => {
        arrived.push('held');
        setTimeout(() => {
          response.end('x'.repeat(1_000_000));
          resolve();
        }, 100);
      });
    });
    await expect(post('one', AbortSignal.timeout(50))).rejects.toThrow();
    await released;
    await proxy.idle();
    expect(proxy.hits().cutReply).toBe(1);
  });

  test('cut: neither has anything', async () => {
    only('cut');
    await expect(post('one')).rejects.toThrow();
    expect(arrived).toEqual([]);
    expect(proxy.hits().cut).toBe(1);
  });

  test('with nobody behind it cuts the connection, and passes again when somebody is back', async () => {
    const { port } = node.address() as AddressInfo;
    node.closeAllConnections();
    await new Promise((resolve) => node.close(resolve));
    await expect(post('one')).rejects.toThrow();
    node.listen(port, '127.0.0.1');
    await once(node, 'listening');
    expect((await post('two')).status).toBe(201);
  });

  test('ends at once, whatever it holds back', async () => {
    only('reorder');
    const held = post('first');
    held.catch(() => {});
    await post('second', AbortSignal.timeout(50)).catch(() => {});
    await proxy[Symbol.asyncDispose]();
    await expect(held).rejects.toThrow();
  });
});

describe('its decisions', () => {
  const faults = Object.fromEntries(proxyFaultNames.map((name) => [name, 0.1])) as ProxyFaults;
  const decisionsOf = (seed: number): unknown[] => {
    const decide = createDecisions(seed);
    return Array.from({ length: 500 }, () => decide(faults));
  };

  test('are the same for the same seed, others for another', () => {
    expect(decisionsOf(7)).toEqual(decisionsOf(7));
    expect(decisionsOf(7)).not.toEqual(decisionsOf(8));
  });

  test('come to each fault about as often as its probability says', () => {
    const decide = createDecisions(3);
    const times = { ...noProxyFaults };
    for (let n = 0; n < 10_000; n++) {
      const { fault } = decide(faults);
      if (fault) times[fault]++;
    }
    for (const name of proxyFaultNames) expect(Math.abs(times[name] - 1_000)).toBeLessThan(150);
  });

  test('request n does not depend on what was switched on for those before it', () => {
    const [quiet, loud] = [createDecisions(5), createDecisions(5)];
    for (let n = 0; n < 50; n++) {
      quiet(noProxyFaults);
      loud(faults);
    }
    expect(quiet(faults)).toEqual(loud(faults));
  });
});
