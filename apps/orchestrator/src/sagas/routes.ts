import { hasEnded, type BatchAccepted, type SagaPage } from '@reliable-ops/contracts';
import { Hono } from 'hono';
import type { AppParts } from '../app.ts';
import { jsonResponse } from '../body.ts';
import { clientOf } from '../hanging-up.ts';
import { ProblemError } from '../problem.ts';
import { createAcceptance } from './acceptance.ts';
import { idempotencyKeyOf } from './idempotency.ts';
import { preferredWaitMs } from './preference.ts';
import { encodeCursor, parseSagaQuery } from './query.ts';
import type { SagaReader } from './reading.ts';
import { readBatch, readSingle } from './request.ts';
import { summaryOf, viewOf } from './view.ts';

export function sagaRoutes(
  {
    engine,
    log,
    registry,
    endWatch,
    maxActiveSagas,
    tracing,
  }: Pick<AppParts, 'engine' | 'log' | 'registry' | 'endWatch' | 'maxActiveSagas' | 'tracing'>,
  reader: SagaReader,
): Hono {
  const { admit, accept } = createAcceptance({ engine, log, maxActiveSagas, tracing });
  const read = async (id: number) => {
    const saga = await reader.get(id);
    if (!saga) throw new ProblemError(404, 'NOT_FOUND', `there is no saga ${id}`);
    return saga;
  };
  const app = new Hono();

  app.post('/v1/sagas', async (context) => {
    const idempotencyKey = idempotencyKeyOf(context);
    const waitMs = preferredWaitMs(context);
    await admit(idempotencyKey);
    const asked = await readSingle(registry, context);
    const { sagaIds, batchId, repeated } = await accept('single', idempotencyKey, [asked]);
    const id = repeated ? await reader.firstOf(batchId) : sagaIds[0]!;

    const location = { Location: `/v1/sagas/${id}` };
    if (waitMs === undefined) return jsonResponse(summaryOf(await read(id)), 202, location);

    // A new saga has not ended yet: it is read once, at its end.
    let saga = repeated ? await read(id) : undefined;
    if (!saga || !hasEnded(saga.status))
      saga = (await endWatch.untilEnded(id, waitMs, clientOf(context))) ?? (await read(id));
    const headers = { ...location, 'Preference-Applied': 'wait' };
    return hasEnded(saga.status)
      ? jsonResponse(viewOf(registry, saga), 200, headers)
      : jsonResponse(summaryOf(saga), 202, headers);
  });

  app.post('/v1/sagas/batch', async (context) => {
    const idempotencyKey = idempotencyKeyOf(context);
    await admit(idempotencyKey);
    const asked = await readBatch(registry, context);
    const { batchId } = await accept('batch', idempotencyKey, asked);
    // On a repeat the digest is the same, and so the number.
    const body: BatchAccepted = { batchId, accepted: asked.length };
    return jsonResponse(body, 202, { Location: `/v1/batches/${batchId}` });
  });

  app.get('/v1/sagas', async (context) => {
    const query = parseSagaQuery(context.req.queries());
    const found = await reader.list({ ...query, limit: query.limit + 1 });
    const page = found.slice(0, query.limit);
    const last = page.at(-1);
    const cursor = found.length > page.length && last ? encodeCursor(last.id) : null;
    return context.json({ sagas: page.map(summaryOf), cursor } satisfies SagaPage);
  });

  app.get('/v1/sagas/:id{[0-9]+}', async (context) => {
    const id = Number(context.req.param('id'));
    if (!Number.isSafeInteger(id))
      throw new ProblemError(404, 'NOT_FOUND', 'there is no saga of that id');
    return context.json(viewOf(registry, await read(id)));
  });

  app.get('/v1/batches/:id', async (context) => {
    const id = context.req.param('id');
    const counts = isUuid(id) ? await reader.countBatch(id) : undefined;
    if (!counts) throw new ProblemError(404, 'NOT_FOUND', 'there is no batch of that id');
    return context.json(counts);
  });

  return app;
}

const isUuid = (text: string): boolean =>
  /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(text);
