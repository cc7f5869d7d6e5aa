import { setTimeout as delay } from 'node:timers/promises';
import { endedEventId, eventNames, hasEnded, type SagaView } from '@reliable-ops/contracts';
import type { Saga } from '@reliable-ops/saga';
import { problemErrorOf } from '../problem.ts';
import type { SagaReader } from '../sagas/reading.ts';
import type { ServerEvent } from './event-stream.ts';
import type { SagaWatch } from './saga-watch.ts';

/** Milliseconds between two looks at one saga. */
const tellEveryMs = 100;
/** The longest wait for a hint: it may have been lost. */
const lookEveryMs = 1_000;

export interface SagaSource {
  id: number;
  reader: Pick<SagaReader, 'get'>;
  sagaWatch: Pick<SagaWatch, 'follow'>;
  view(saga: Saga): SagaView;
}

/** A saga's view, now and whenever it has become another one; ends after the saga's end, or once it has left the log. */
export async function* tellSaga(
  { id, reader, sagaWatch, view }: SagaSource,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  const follower = sagaWatch.follow(id);
  signal.addEventListener('abort', follower.ring);
  let told = '';
  try {
    while (!signal.aborted) {
      const saga = await getOrWait(reader, id);
      if (saga === undefined) return;
      const isEnded = saga !== 'away' && hasEnded(saga.status);
      if (saga !== 'away') {
        const data = view(saga);
        const text = JSON.stringify(data);
        if (text !== told)
          yield { event: eventNames.saga, data, ...(isEnded ? { id: endedEventId } : {}) };
        told = text;
      }
      if (isEnded) return;
      await delay(tellEveryMs);
      await follower.sleep(lookEveryMs);
    }
  } finally {
    follower[Symbol.dispose]();
  }
}

/** While Postgres is away, the saga is as it was. */
async function getOrWait(
  reader: Pick<SagaReader, 'get'>,
  id: number,
): Promise<Saga | 'away' | undefined> {
  try {
    return await reader.get(id);
  } catch (error) {
    if (problemErrorOf(error).status !== 503) throw error;
    return 'away';
  }
}
