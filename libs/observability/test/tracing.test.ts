import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import type { Command, Outcome } from '@reliable-ops/saga';
import { createTracing } from '../src/tracing/open-telemetry.ts';
import { formatTraceparent, parseTraceparent } from '../src/tracing/traceparent.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const traceOf = (n: number): string => n.toString(16).padStart(32, '0');
const sampled = (n: number): string => `00-${traceOf(n)}-00f067aa0ba902b7-01`;

function start({ ratio = 1 } = {}) {
  const exporter = new InMemorySpanExporter();
  const tracing = createTracing('test', {
    processor: new SimpleSpanProcessor({ exporter }),
    ratio,
  });
  return { tracing, spans: () => exporter.getFinishedSpans() };
}
const command = (sagaId: number, traceparent?: string): Command => ({
  sagaId,
  key: `k${sagaId}`,
  step: 'on-n1',
  phase: 'action',
  attempt: 2,
  token: [1, 0],
  data: {},
  ...(traceparent === undefined ? {} : { traceparent }),
});
const applied: Outcome = { result: 'applied' };

/** What a call of `commands` leaves. */
async function spansOf(commands: Command[], outcomes = commands.map(() => applied)) {
  const { tracing, spans } = start();
  let within: string | undefined;
  const { n1 } = tracing.traceParticipants({
    n1: {
      run: async () => {
        within = tracing.traceparent();
        return outcomes;
      },
    },
  });
  expect(await n1!.run('create', commands)).toEqual(outcomes);
  return { spans: spans(), within };
}

describe('a call of a node', () => {
  test('is a span of its saga, with its attempt; what is sent within it carries the span on', async () => {
    const { spans, within } = await spansOf([command(7, sampled(1))]);
    expect(spans).toHaveLength(1);
    const [{ name, kind, attributes, links, parentSpanContext, ...span }] = spans as [
      (typeof spans)[number],
    ];
    expect([name, kind, links]).toEqual(['create n1', SpanKind.CLIENT, []]);
    expect(parentSpanContext).toMatchObject({ traceId: traceOf(1), spanId: '00f067aa0ba902b7' });
    expect(attributes).toMatchObject({
      'rops.node': 'n1',
      'rops.kind': 'create',
      'rops.saga': 7,
      'rops.key': 'k7',
      'rops.attempt': 2,
      'rops.applied': 1,
    });
    expect(within).toBe(formatTraceparent(spans[0]!.spanContext()));
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('that serves many sagas of one trace is one span of it', async () => {
    const { spans } = await spansOf([1, 2, 3].map((id) => command(id, sampled(1))));
    expect(spans.map(({ attributes }) => attributes['rops.commands'])).toEqual([3]);
    expect(spans[0]!.spanContext().traceId).toBe(traceOf(1));
    expect(spans[0]!.attributes).not.toHaveProperty('rops.saga');
  });

  test('that serves sagas of several traces is a span of its own that links to each, and to no more than 64', async () => {
    const two = await spansOf([command(1, sampled(1)), command(2, sampled(2)), command(3)]);
    expect(two.spans).toHaveLength(1);
    expect(two.spans[0]!.parentSpanContext).toBeUndefined();
    expect(two.spans[0]!.links.map(({ context }) => context.traceId)).toEqual([
      traceOf(1),
      traceOf(2),
    ]);
    const many = await spansOf(
      Array.from({ length: 1_000 }, (_, n) => command(n + 1, sampled(n + 1))),
    );
    expect(many.spans[0]!.links).toHaveLength(64);
  });

  test('of sagas that nobody traces leaves nothing', async () => {
    const { spans, within } = await spansOf([command(1), command(2)]);
    expect(spans).toEqual([]);
    expect(within).toBeUndefined();
  });

  test('that fails says so', async () => {
    const { spans } = await spansOf(
      [command(1, sampled(1)), command(2, sampled(1))],
      [applied, { result: 'unknown', error: '500 no' }],
    );
    expect(spans[0]!.status).toEqual({ code: SpanStatusCode.ERROR, message: '500 no' });
    expect(spans[0]!.attributes).toMatchObject({ 'rops.applied': 1, 'rops.unknown': 1 });
  });
});

describe('traceparent', () => {
  test.each([
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  ])('%s comes back as it was', (text) => {
    expect(formatTraceparent(parseTraceparent(text)!)).toBe(text);
  });
  test.each([
    undefined,
    '',
    'x',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011',
  ])('"%s" is none', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
  test('a newer version is read as far as it is known', () => {
    const text = '01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more';
    expect(parseTraceparent(text)).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736' });
  });
});

test('a trace that is not sampled is not kept in its sagas', async () => {
  for (const [ratio, traceparent, kept] of [
    [1, undefined, true],
    [0, undefined, false],
    [0, sampled(1), true],
    [1, sampled(1).replace(/01$/, '00'), false],
  ] as const) {
    const { tracing, spans } = start({ ratio });
    const given = await tracing.request({ method: 'POST', traceparent }, async (tellAnswer) => {
      const accepted = await tracing.accept(1, async (own) => own);
      tellAnswer('/v1/sagas', 202);
      return accepted;
    });
    expect([ratio, traceparent, given !== null]).toEqual([ratio, traceparent, kept]);
    expect(spans().map(({ name }) => name)).toEqual(kept ? ['accept', 'POST /v1/sagas'] : []);
    if (traceparent !== undefined && kept)
      expect(parseTraceparent(given!)!.traceId).toBe(traceOf(1));
  }
});

test('nothing of OpenTelemetry but its API is loaded unless there is somewhere to send traces to', () => {
  const script = `
    import module from 'node:module';
    import { createLogger, loadConfig } from '@reliable-ops/runtime';
    import { startTracing } from '@reliable-ops/observability';
    const config = loadConfig();
    const tracing = await startTracing('test', config, createLogger('test', config));
    await tracing?.stop();
    const loaded = Object.keys(module._cache).filter((path) => /@opentelemetry.(sdk|exporter)/.test(path));
    console.log(JSON.stringify({ isTraced: tracing !== undefined, isLoaded: loaded.length > 0 }));
  `;
  const run = (env: Record<string, string>): unknown =>
    JSON.parse(
      execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
        cwd: `${root}libs/observability`,
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
      }),
    );
  expect(run({})).toEqual({ isTraced: false, isLoaded: false });
  expect(run({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })).toEqual({
    isTraced: true,
    isLoaded: true,
  });
});
