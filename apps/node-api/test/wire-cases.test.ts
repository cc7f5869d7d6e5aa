import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decode, startCluster, type Cluster } from './cluster.ts';

interface WireCase {
  name: string;
  request: { method: string; path: string; headers: Record<string, string>; body: string | null };
  response: { status: number; body: string };
}

const cases = JSON.parse(
  readFileSync(new URL('wire-cases.json', import.meta.url), 'utf8'),
) as WireCase[];

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

// In order: each case builds on what the ones before have left.
test.each(cases)('$name', async ({ request, response }) => {
  const { method, path, headers, body } = request;
  const reply = await cluster.call(method, path, {
    headers,
    body,
  });
  expect({ status: reply.status, body: reply.body }).toEqual({
    status: response.status,
    body: decode(response.body),
  });
});
