import type { HttpBindings } from '@hono/node-server';
import { endedEventId, eventNames, hasEnded, limits } from '@reliable-ops/contracts';
import type { Logger } from '@reliable-ops/runtime';
import type { Registry } from '@reliable-ops/saga';
import { Hono, type Context } from 'hono';
import { ProblemError, problemErrorOf, unavailable } from '../problem.ts';
import { parseQuery, sagaFilter } from '../sagas/query.ts';
import type { SagaReader } from '../sagas/reading.ts';
import { viewOf } from '../sagas/view.ts';
import type { ChangeFeed } from './change-feed.ts';
import { answerEvents, eventStreamHeaders, type ServerEvent } from './event-stream.ts';
import { tellSaga } from './saga-events.ts';
import type { SagaWatch } from './saga-watch.ts';

export interface EventParts {
  feed: ChangeFeed;
  sagaWatch: SagaWatch;
  registry: Registry;
  /** Aborted when the server stops: streams end then. */
  closing: AbortSignal;
  logger: Logger;
}

/** GET /v1/events and GET /v1/sagas/:id/events: what changes from now on, as server-sent events. */
export function eventRoutes(
  { feed, sagaWatch, registry, closing, logger }: EventParts,
  reader: SagaReader,
): Hono {
  const open = new Set<AbortController>();
  closing.addEventListener('abort', () => {
    for (const gone of open) gone.abort();
  });

  const answer = (
    { req, env }: Context,
    eventsFor: (signal: AbortSignal) => AsyncGenerator<ServerEvent, void>,
  ): Response => {
    // Nobody would read what HEAD began.
    if (req.method === 'HEAD') return new Response(null, { headers: eventStreamHeaders });
    if (closing.aborted) throw unavailable('STOPPING', 'the orchestrator stops: try again');
    if (open.size >= limits.eventStreams)
      throw unavailable(
        'TOO_MANY_STREAMS',
        `${open.size} streams of events are open: close one, or read the state instead`,
      );
    const gone = new AbortController();
    open.add(gone);
    gone.signal.addEventListener('abort', () => open.delete(gone));
    return answerEvents({
      events: eventsFor(gone.signal),
      gone,
      cut: () => (env as Partial<HttpBindings> | undefined)?.outgoing?.destroy(),
      onError(error) {
        if (problemErrorOf(error).status === 500)
          logger.error({ err: error }, 'unexpected error in a stream of events');
      },
    });
  };

  async function* changes(
    filter: Parameters<ChangeFeed['listen']>[0],
    signal: AbortSignal,
  ): AsyncGenerator<ServerEvent, void> {
    for await (const data of feed.listen(filter, signal)) yield { event: eventNames.changes, data };
  }

  return new Hono()
    .get('/v1/events', (context) => {
      const filter = parseQuery(sagaFilter, context.req.queries());
      return answer(context, (signal) => changes(filter, signal));
    })
    .get('/v1/sagas/:id{[0-9]+}/events', async (context) => {
      const id = Number(context.req.param('id'));
      const saga = Number.isSafeInteger(id) ? await reader.get(id) : undefined;
      if (!saga) throw new ProblemError(404, 'NOT_FOUND', `there is no saga ${id}`);
      if (hasEnded(saga.status) && context.req.header('last-event-id') === endedEventId)
        return context.body(null, 204);
      const view = (now: typeof saga) => viewOf(registry, now);
      return answer(context, (signal) => tellSaga({ id, reader, sagaWatch, view }, signal));
    });
}
