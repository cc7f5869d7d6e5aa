import { waitAtMost } from '@reliable-ops/runtime';

/** One server-sent event; `data` goes as JSON. */
export interface ServerEvent {
  event: string;
  data: object;
  id?: string;
}

/** A line at least this often: proxies and clients take longer silence for a dead connection. */
const beatMs = 10_000;
/** A client that takes nothing for this long is cut off: what waits for it keeps memory. */
const stalledAfterMs = 60_000;
/** What an EventSource waits before it connects again. */
const reconnectAfterMs = 2_000;

export const eventStreamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // nginx and its like would keep events back until they fill a buffer.
  'X-Accel-Buffering': 'no',
};

export interface EventSourceParts {
  events: AsyncGenerator<ServerEvent, void>;
  /** Aborted by whoever ends it: the client, the server, or the end of `events`. Ends `events`. */
  gone: AbortController;
  /** Closes the connection under what is still in it. */
  cut(): void;
  /** `events` has thrown: the stream ends, and the client may come again. */
  onError(error: unknown): void;
  stalledMs?: number;
}

const encoder = new TextEncoder();

/** Answers server-sent events. Asks for the next one only when the client has taken the last. */
export function answerEvents({
  events,
  gone,
  cut,
  onError,
  stalledMs = stalledAfterMs,
}: EventSourceParts): Response {
  let next: Promise<IteratorResult<ServerEvent, void>> | undefined;
  let stalled: NodeJS.Timeout | undefined;
  gone.signal.addEventListener('abort', () => {
    clearTimeout(stalled);
    events.return().catch(() => {});
  });

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${reconnectAfterMs}\n\n`));
    },
    async pull(controller) {
      clearTimeout(stalled);
      try {
        next ??= events.next();
        const result = await waitAtMost(beatMs, next);
        if (result?.done === true) {
          controller.close();
          gone.abort();
          return;
        }
        if (result) next = undefined;
        controller.enqueue(encoder.encode(result ? write(result.value) : ':\n\n'));
      } catch (error) {
        controller.close();
        gone.abort();
        onError(error);
        return;
      }
      if (gone.signal.aborted) return;
      stalled = setTimeout(() => {
        cut();
        gone.abort();
      }, stalledMs);
    },
    cancel() {
      next?.catch(() => {}); // it ends by the abort
      gone.abort();
    },
  });
  return new Response(body, { headers: eventStreamHeaders });
}

const write = ({ event, data, id }: ServerEvent): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
