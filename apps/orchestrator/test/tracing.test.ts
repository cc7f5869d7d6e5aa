import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createParticipants } from '@reliable-ops/connector';
import type { Operation } from '@reliable-ops/contracts';
import { createTracing } from '@reliable-ops/observability/tracing';
import { createEngine, startJobWorkers } from '@reliable-ops/saga';
import { Redis } from 'ioredis';
import { startSystem, waitFor, type System } from '@reliable-ops/testkit';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { create, startApi, startBackends, type Api, type Backends } from './fixture.ts';
import { startOtlpCollector, type OtlpCollector } from './otlp-collector.ts';

type Answer = { status: number; outcome: string } | { status: number; message: string };

const nodes = ['node01', 'node02', 'node03'].map((name) => ({
  name,
  protocol: 'fenced' as const,
}));
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerSpan = '00f067aa0ba902b7';

let backends: Backends;
let api: Api;
let end: () => Promise<void>;
const exporter = new InMemorySpanExporter();
/** What each call of a node carried. */
let calls: { node: string; op: string; traceparent: string | undefined }[];
/** What a node answers to an operation that comes to it for the n-th time. */
let answer: (node: string, operation: Operation, n: number) => Answer;

/** Nodes, an orchestrator and a worker, each with spans that go into one exporter. */
beforeAll(async () => {
  const seen = new Map<string, number>();
  const nodeApi = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const node = headerIn(request.headers, 'node') ?? '';
      const operations = JSON.parse(body) as Operation[];
      const results = operations.map((operation) => {
        const id = `${node} ${operation.op} ${operation.groupId}`;
        const n = (seen.get(id) ?? 0) + 1;
        seen.set(id, n);
        calls.push({
          node,
          op: operation.op,
          traceparent: headerIn(request.headers, 'traceparent'),
        });
        return answer(node, operation, n);
      });
      response.setHeader('content-type', 'application/json').end(JSON.stringify(results));
    });
  }).listen(0, '127.0.0.1');
  await once(nodeApi, 'listening');
  const url = `http://127.0.0.1:${(nodeApi.address() as AddressInfo).port}`;

  backends = await startBackends();
  const tracing = createTracing('test', {
    processor: new SimpleSpanProcessor({ exporter }),
    ratio: 1,
  });
  api = startApi(backends, { tracing });
  const engine = createEngine({
    log: api.log,
    registry: api.registry,
    queue: api.queue,
    participants: tracing.traceParticipants(
      createParticipants({
        url,
        nodes,
        timeoutMs: 2_000,
        traceparent: () => tracing.traceparent(),
      }),
    ),
  });
  const jobs = startJobWorkers({
    redisUrl: backends.redisUrl,
    participants: api.registry.participants,
    engine,
    concurrency: 10,
    lockMs: 10_000,
    onError: () => {},
    onFailed: () => {},
  });
  end = async () => {
    await jobs.stop(5_000);
    await engine.idle();
    await api[Symbol.asyncDispose]();
    await backends[Symbol.asyncDispose]();
    nodeApi.close();
    nodeApi.closeAllConnections();
  };
});
afterAll(() => end());
beforeEach(() => {
  exporter.reset();
  calls = [];
  answer = () => ({ status: 200, outcome: 'created' });
});

const headerIn = (headers: IncomingHttpHeaders, name: string): string | undefined =>
  [headers[name]].flat()[0];

/** The spans of what one request has started, once its saga has ended: by name, parent and attempt. */
async function spansOf(groupId: string, headers: Record<string, string> = {}) {
  const { body } = await api.send('POST', '/v1/sagas', {
    body: create(groupId),
    headers: { prefer: 'wait=20', ...headers },
  });
  const spans = exporter.getFinishedSpans();
  const nameOf = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
  return {
    status: body.status as string,
    traces: [...new Set(spans.map((span) => span.spanContext().traceId))],
    spans: spans
      .map(({ name, attributes, parentSpanContext }) => ({
        name,
        parent:
          parentSpanContext && (nameOf.get(parentSpanContext.spanId) ?? parentSpanContext.spanId),
        attempt: attributes['rops.attempt'],
      }))
      .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)),
  };
}
const accepted = (caller?: string) => [
  { name: 'POST /v1/sagas', parent: caller, attempt: undefined },
  { name: 'accept', parent: 'POST /v1/sagas', attempt: undefined },
];
const calledOn = (name: string, ...attempts: number[]) =>
  attempts.map((attempt) => ({ name, parent: 'accept', attempt }));

test('one trace has the request, the acceptance, each call of a node, and the attempt that was made again', async () => {
  answer = (node, _operation, n) =>
    node === 'node02' && n === 1
      ? { status: 500, message: 'no' }
      : { status: 200, outcome: 'created' };
  const { status, traces, spans } = await spansOf('retried');
  expect(status).toBe('completed');
  expect(traces).toHaveLength(1);
  expect(spans).toEqual([
    ...accepted(),
    ...calledOn('create node01', 1),
    ...calledOn('create node02', 1, 2),
    ...calledOn('create node03', 1),
  ]);
});

test('what is taken back is in the same trace', async () => {
  answer = (node, { op }) =>
    node === 'node03' && op === 'create'
      ? { status: 400, message: 'never' }
      : { status: 200, outcome: op === 'undo' ? 'restored' : 'created' };
  const { status, traces, spans } = await spansOf('taken-back');
  expect(status).toBe('compensated');
  expect(traces).toHaveLength(1);
  expect(spans).toEqual([
    ...accepted(),
    ...calledOn('create node01', 1),
    ...calledOn('create node02', 1),
    ...calledOn('create node03', 1),
    ...calledOn('undo node01', 1),
    ...calledOn('undo node02', 1),
  ]);
});

test("a caller's trace is gone on with, and each node gets the span of its own call", async () => {
  const { traces, spans } = await spansOf('called', {
    traceparent: `00-${traceId}-${callerSpan}-01`,
  });
  expect(traces).toEqual([traceId]);
  expect(spans.slice(0, 2)).toEqual(accepted(callerSpan));
  const own = exporter.getFinishedSpans().map((span) => span.spanContext().spanId);
  expect(calls).toHaveLength(3);
  for (const { traceparent } of calls) {
    const [, trace, span, flags] = traceparent!.split('-');
    expect([trace, flags]).toEqual([traceId, '01']);
    expect(own).toContain(span);
  }
});

test('a caller that does not sample leaves no trace, nor anything in the saga', async () => {
  const { status, spans } = await spansOf('quiet', {
    traceparent: `00-${traceId}-${callerSpan}-00`,
  });
  expect([status, spans]).toEqual(['completed', []]);
  expect(calls.map(({ traceparent }) => traceparent)).toEqual([undefined, undefined, undefined]);
});

test('what only reads is no trace', async () => {
  await api.send('GET', '/v1/sagas');
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test('a batch is one trace: a call of a node that serves all of it is one span', async () => {
  const { body } = await api.send('POST', '/v1/sagas/batch', {
    body: { saga: 'create-group', inputs: ['b1', 'b2', 'b3'].map((groupId) => ({ groupId })) },
  });
  await waitFor('its end', async () => {
    const counts = await api.send('GET', `/v1/batches/${body.batchId}`);
    return counts.body.completed === 3;
  });
  // Who commits the end tells it before the span of the last call has ended.
  const spans = await waitFor('the spans of its calls', () => {
    const finished = exporter.getFinishedSpans();
    return finished.filter(({ name }) => name.startsWith('create ')).length === 3 && finished;
  });
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
  const accept = spans.find(({ name }) => name === 'accept');
  const called = spans.filter(({ name }) => name.startsWith('create '));
  expect(called.map(({ attributes }) => attributes['rops.commands'])).toEqual([3, 3, 3]);
  for (const { parentSpanContext } of called)
    expect(parentSpanContext?.spanId).toBe(accept!.spanContext().spanId);
});

describe('real processes and a collector', () => {
  let collector: OtlpCollector;
  let system: System;
  beforeAll(async () => {
    collector = await startOtlpCollector();
    system = await startSystem({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${system.orchestratorUrl}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  /** Of a trace: `service: name < name of the parent`, in no order. */
  const treeOf = (trace: string): string[] => {
    const own = collector.spans.filter((span) => span.traceId === trace);
    const nameOf = new Map(own.map(({ spanId, name }) => [spanId, name]));
    return own
      .map(({ service, name, parentId }) => {
        const parent = nameOf.get(parentId) ?? parentId;
        return `${service}: ${name} < ${parent}`;
      })
      .sort();
  };
  const wholeTree = (caller: string): string[] =>
    [
      `rops-orchestrator: POST /v1/sagas < ${caller}`,
      'rops-orchestrator: accept < POST /v1/sagas',
      ...['node01', 'node02', 'node03'].flatMap((node) => [
        `rops-worker: create ${node} < accept`,
        `rops-node-api: POST /v1/operations < create ${node}`,
      ]),
    ].sort();

  test('every process sends its part of a trace, each below what has caused it', async () => {
    const response = await post('sagas', create('collected'), {
      prefer: 'wait=20',
      traceparent: `00-${traceId}-${callerSpan}-01`,
    });
    expect(await response.json()).toMatchObject({ status: 'completed' });
    await waitFor('the parts of all processes', () => treeOf(traceId).length >= 8, {
      explain: () => treeOf(traceId).join('\n'),
    });
    expect(treeOf(traceId)).toEqual(wholeTree(callerSpan));
    expect([...collector.paths]).toEqual(['/v1/traces']);
  });

  test('a trace outlives the worker, the orchestrator, and all that is in Redis: it stands in the saga', async () => {
    const trace = traceId.replace('4', '5');
    await post('participants/node03/pause', {});
    await post('sagas', create('outlived'), { traceparent: `00-${trace}-${callerSpan}-01` });
    await waitFor('what was done before', () => treeOf(trace).length === 6, {
      explain: () => treeOf(trace).join('\n'),
    });
    await Promise.all([system.workers[0]!, system.orchestrator].map((one) => one.kill('SIGKILL')));
    const redis = new Redis(system.redis.url);
    await redis.flushall();
    redis.disconnect();
    await Promise.all([system.workers[0]!, system.orchestrator].map((one) => one.start()));
    await post('participants/node03/resume', {});
    await waitFor('the rest', () => treeOf(trace).length === 8, {
      explain: () => treeOf(trace).join('\n'),
    });
    expect(treeOf(trace)).toEqual(wholeTree(callerSpan));
  });
});

test('a collector that is away costs nobody anything but its traces, and a line now and then', async () => {
  await using system = await startSystem({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '1000' },
  });
  const response = await fetch(`${system.orchestratorUrl}/v1/sagas`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify(create('untraced')),
  });
  expect(await response.json()).toMatchObject({ status: 'completed' });
  const processes = [system.nodeApi, system.orchestrator, ...system.workers];
  await waitFor(
    'their word on it',
    () => processes.every((one) => one.output().includes('traces could not be sent')),
    { timeoutMs: 40_000 },
  );
  for (const one of processes) {
    expect(await one.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(one.output().match(/traces could not be sent/g)!.length).toBeLessThan(3);
  }
});
