import type { Config, Logger } from '@reliable-ops/runtime';
import type { Participant } from '@reliable-ops/saga';

/**
 * Spans of what a process does. A trace begins with a request (or is its caller's), goes through the queue in the saga, and ends
 * with the calls of the nodes. Absent where nobody asks for traces: then nothing of it is loaded, and nothing is paid.
 */
export interface Tracing {
  /** A request that came in, within its caller's trace where it has one. */
  request<T>(
    asked: { method: string; traceparent: string | undefined },
    work: (tellAnswer: (route: string, status: number) => void) => Promise<T>,
  ): Promise<T>;
  /** The acceptance of sagas. `traceparent` is what they keep: null where this trace is not sampled. */
  accept<T>(sagas: number, work: (traceparent: string | null) => Promise<T>): Promise<T>;
  /** The same participants, each of whose calls is a span in the trace of the sagas that it serves. */
  traceParticipants(participants: Record<string, Participant>): Record<string, Participant>;
  /** Of the span under way, for a call to somebody else. */
  traceparent(): string | undefined;
  /** Sends what has not been sent; waits for some seconds at most. */
  stop(): Promise<void>;
}

export type TracingConfig = Pick<Config, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_TRACES_SAMPLER_ARG'>;

/** Undefined unless there is somewhere to send traces to. */
export async function startTracing(
  service: string,
  { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio }: TracingConfig,
  logger: Logger,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const { createTracing, exportTo } = await import('./open-telemetry.ts');
  return createTracing(service, { processor: exportTo(endpoint, logger), ratio });
}
