import { operatorBody, type ParticipantView, type PausedView } from '@reliable-ops/contracts';
import type {
  BullmqQueue,
  Engine,
  Pause,
  PauseAnswer,
  Registry,
  SagaLog,
} from '@reliable-ops/saga';
import type { Logger } from '@reliable-ops/runtime';
import { Hono, type Context } from 'hono';
import { ProblemError } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { readBody } from './body.ts';
import { operatorOf } from './operator.ts';

/** Milliseconds that counting a queue's jobs may take before it counts as not reachable. */
const countLimitMs = 3_000;

export interface ParticipantOptions {
  engine: Engine;
  log: Pick<SagaLog, 'readPauses'>;
  queue: Pick<BullmqQueue, 'countJobs'>;
  registry: Registry;
  logger: Logger;
}

/** Participants, and their maintenance windows. A pause stands in Postgres; Redis need not be there. */
export function participantRoutes({
  engine,
  log,
  queue,
  registry,
  logger,
}: ParticipantOptions): Hono {
  const nameOf = (context: Context): string => {
    const name = context.req.param('name') ?? '';
    if (registry.participants.includes(name)) return name;
    const known = registry.participants.join(', ');
    throw new ProblemError(
      404,
      'NOT_FOUND',
      `there is no participant "${name}": there are ${known}`,
    );
  };
  const view = async (name: string, pause: Pause | undefined): Promise<ParticipantView> => ({
    name,
    paused: pause
      ? { by: pause.by, at: new Date(pause.pausedAt).toISOString(), note: pause.note }
      : null,
    jobs: await countJobs(queue, name),
  });
  const answer = async (name: string, { isTold }: PauseAnswer): Promise<PausedView> => {
    const pauses = await log.readPauses();
    const pause = pauses.find(({ participant }) => participant === name);
    return { ...(await view(name, pause)), told: isTold };
  };

  return new Hono()
    .get('/v1/participants', async (context) => {
      const pauses = await within(postgresPatienceMs, log.readPauses());
      const participants = await Promise.all(
        registry.participants.map((name) =>
          view(
            name,
            pauses.find(({ participant }) => participant === name),
          ),
        ),
      );
      return context.json({ participants });
    })
    .post('/v1/participants/:name/pause', async (context) => {
      const name = nameOf(context);
      const operator = operatorOf(await readBody(operatorBody, context));
      const paused = await within(postgresPatienceMs, engine.pause(name, operator));
      logger.info({ participant: name, ...operator }, 'paused');
      return context.json(await answer(name, paused));
    })
    .post('/v1/participants/:name/resume', async (context) => {
      const name = nameOf(context);
      const operator = operatorOf(await readBody(operatorBody, context));
      const resumed = await within(postgresPatienceMs, engine.resume(name));
      logger.info({ participant: name, ...operator }, 'resumed');
      return context.json(await answer(name, resumed));
    });
}

async function countJobs(
  queue: ParticipantOptions['queue'],
  name: string,
): Promise<ParticipantView['jobs']> {
  try {
    return await within(countLimitMs, queue.countJobs(name));
  } catch {
    return null;
  }
}
