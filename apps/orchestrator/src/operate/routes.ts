import {
  operatorBody,
  operatorBulkBody,
  resolveBody,
  resolveBulkBody,
  retryStuckBody,
  type OperatedView,
  type OperatorVerb,
  type RetryStuckView,
  type StuckView,
} from '@reliable-ops/contracts';
import type { Operator, OperatorAnswer } from '@reliable-ops/saga';
import { Hono, type Context } from 'hono';
import type { AppParts } from '../app.ts';
import { ProblemError } from '../problem.ts';
import type { SagaReader } from '../sagas/reading.ts';
import { viewOf } from '../sagas/view.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { readBody } from './body.ts';
import { operatorOf } from './operator.ts';
import { readStuck } from './stuck.ts';

const verbs: readonly OperatorVerb[] = ['cancel', 'retry', 'resolve'];

/**
 * What operators do to sagas. One saga: its view, 200 where it has ended so, 202 where that is on its way; 404, and 409
 * with the reason. Many: an answer each, always 200.
 */
export function operateRoutes(
  { engine, log, registry }: Pick<AppParts, 'engine' | 'log' | 'registry'>,
  reader: SagaReader,
): Hono {
  const app = new Hono();
  // Bounded in time; what takes longer may still be done, and the same again has the same answer.
  const operate = (verb: OperatorVerb, ids: number[], operator: Operator) =>
    within(postgresPatienceMs, engine[verb](ids, operator));

  for (const verb of verbs) {
    app.post(`/v1/sagas/:id{[0-9]+}/${verb}`, async (context) => {
      const body = await readBody(verb === 'resolve' ? resolveBody : operatorBody, context);
      const id = idOf(context);
      const answer = (await operate(verb, [id], operatorOf(body))).get(id);
      const saga = answer?.result === 'unknown' ? undefined : await reader.get(id);
      if (!answer || !saga) throw new ProblemError(404, 'NOT_FOUND', `there is no saga ${id}`);
      if (answer.result === 'refused') throw new ProblemError(409, 'REFUSED', answer.reason);
      return context.json(viewOf(registry, saga), answer.result === 'done' ? 200 : 202);
    });

    app.post(`/v1/sagas/${verb}`, async (context) => {
      const body = await readBody(verb === 'resolve' ? resolveBulkBody : operatorBulkBody, context);
      const answers = await operate(verb, body.ids.map(Number), operatorOf(body));
      return context.json({ sagas: body.ids.map((id) => viewAnswer(id, answers.get(Number(id)))) });
    });
  }

  app.get('/v1/stuck', async (context) =>
    context.json((await within(postgresPatienceMs, readStuck(log, registry))) satisfies StuckView),
  );

  app.post('/v1/stuck/retry', async (context) => {
    const { perSecond, ...body } = await readBody(retryStuckBody, context);
    const { sagas, hastened } = await within(
      postgresPatienceMs,
      engine.retryStuck(operatorOf(body), perSecond),
    );
    const seconds = Math.ceil(sagas / perSecond);
    return context.json({ sagas, hastened, seconds } satisfies RetryStuckView, 202);
  });

  return app;
}

function idOf(context: Context): number {
  const id = Number(context.req.param('id'));
  if (!Number.isSafeInteger(id))
    throw new ProblemError(404, 'NOT_FOUND', 'there is no saga of that id');
  return id;
}

const viewAnswer = (id: string, answer: OperatorAnswer = { result: 'unknown' }): OperatedView => ({
  id,
  result: answer.result,
  reason: answer.result === 'refused' ? answer.reason : null,
});
