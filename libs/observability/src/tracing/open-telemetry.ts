import { AsyncLocalStorage } from 'node:async_hooks';
import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { createComplaints, type Logger } from '@reliable-ops/runtime';
import type { Command, Outcome, Participant } from '@reliable-ops/saga';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { Tracing } from './tracing.ts';

/** Traces that one call names: it may serve a thousand sagas, each of its own. */
const mostLinks = 64;
/** Milliseconds that a stop waits for the collector: within the process's own 10 s. */
const flushMs = 2_000;

/** Where finished spans go: to a collector, by OTLP over HTTP, in the background, at most 2,048 of them waiting. */
export function exportTo(endpoint: string, logger: Logger): SpanProcessor {
  const complain = createComplaints(logger, 'traces could not be sent');
  const drop = (): void => {};
  diag.setLogger(
    {
      error: (message) => complain(new Error(message)),
      warn: (message) => complain(new Error(message)),
      info: drop,
      debug: drop,
      verbose: drop,
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  return new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) });
}

export interface TracingOptions {
  processor: SpanProcessor;
  /** Share of the traces that begin here and are kept; whoever sends a traceparent has decided for his own. */
  ratio: number;
}

/** Traces by OpenTelemetry. Nothing of it is global, so a process may have several (tests do). */
export function createTracing(service: string, { processor, ratio }: TracingOptions): Tracing {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('reliable-ops');
  const current = new AsyncLocalStorage<Span>();

  const within = async <T>(
    name: string,
    options: SpanOptions,
    parent: Context,
    work: (span: Span) => Promise<T>,
  ): Promise<T> => {
    const span = tracer.startSpan(name, options, parent);
    try {
      return await current.run(span, () => work(span));
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  };

  return {
    request: ({ method, traceparent }, work) =>
      within(method, { kind: SpanKind.SERVER }, contextOf(traceparent), (span) =>
        work((route, status) => {
          span.updateName(`${method} ${route}`);
          span.setAttributes({
            'http.request.method': method,
            'http.route': route,
            'http.response.status_code': status,
          });
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        }),
      ),

    accept(sagas, work) {
      const asked = current.getStore();
      const parent = asked ? trace.setSpan(ROOT_CONTEXT, asked) : ROOT_CONTEXT;
      return within('accept', { attributes: { 'rops.sagas': sagas } }, parent, (span) => {
        const own = span.spanContext();
        const isSampled = (own.traceFlags & TraceFlags.SAMPLED) !== 0;
        return work(isSampled ? formatTraceparent(own) : null);
      });
    },

    traceParticipants: (participants) =>
      Object.fromEntries(
        Object.entries(participants).map(([node, participant]): [string, Participant] => [
          node,
          {
            run(kind, commands) {
              const traces = tracesOf(commands);
              if (traces.length === 0) return participant.run(kind, commands);
              // All of one trace: a part of it. Of several: a trace of its own that names them.
              const isOne = traces.length === 1;
              return within(
                `${kind} ${node}`,
                {
                  kind: SpanKind.CLIENT,
                  attributes: attributesOf(node, kind, commands),
                  links: isOne ? [] : linksTo(traces),
                },
                isOne ? contextOf(traces[0]) : ROOT_CONTEXT,
                async (span) => {
                  const outcomes = await participant.run(kind, commands);
                  tellOutcomes(span, outcomes);
                  return outcomes;
                },
              );
            },
          },
        ]),
      ),

    traceparent() {
      const span = current.getStore();
      return span && formatTraceparent(span.spanContext());
    },

    async stop() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, flushMs);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

function contextOf(traceparent: string | undefined): Context {
  const parsed = parseTraceparent(traceparent);
  return parsed ? trace.setSpanContext(ROOT_CONTEXT, parsed) : ROOT_CONTEXT;
}

/** The traces of the sagas whose commands these are, each once; those without one are left out. */
const tracesOf = (commands: Command[]): string[] => {
  const traces = new Set<string>();
  for (const { traceparent } of commands) if (traceparent !== undefined) traces.add(traceparent);
  return [...traces];
};

const linksTo = (traces: string[]): NonNullable<SpanOptions['links']> =>
  traces.slice(0, mostLinks).flatMap((text) => {
    const context = parseTraceparent(text);
    return context ? [{ context }] : [];
  });

/** Ids only where the call serves one saga: there they help, and in a list they would not. */
function attributesOf(node: string, kind: string, commands: Command[]): Attributes {
  const [first] = commands;
  return {
    'rops.node': node,
    'rops.kind': kind,
    'rops.commands': commands.length,
    ...(first === undefined ? {} : { 'rops.phase': first.phase, 'rops.attempt': first.attempt }),
    ...(first === undefined || commands.length > 1
      ? {}
      : { 'rops.saga': first.sagaId, 'rops.key': first.key }),
  };
}

function tellOutcomes(span: Span, outcomes: Outcome[]): void {
  const counts = { applied: 0, rejected: 0, unknown: 0 };
  let error: string | undefined;
  for (const outcome of outcomes) {
    counts[outcome.result]++;
    if (outcome.result !== 'applied') error ??= outcome.error;
  }
  span.setAttributes({
    'rops.applied': counts.applied,
    'rops.rejected': counts.rejected,
    'rops.unknown': counts.unknown,
  });
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 500);
