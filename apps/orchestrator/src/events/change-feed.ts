import { setTimeout as delay } from 'node:timers/promises';
import type { ChangedSaga, ChangesEvent } from '@reliable-ops/contracts';
import type { Saga, SagaLog } from '@reliable-ops/saga';
import { problemErrorOf } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { createAlarm } from './alarm.ts';
import {
  createChangeListener,
  fits,
  type ChangeFilter,
  type ChangeListener,
} from './change-listener.ts';
import { ChangeSet, chooseSagas, noneByStatus } from './change-set.ts';
import type { HintListener } from './hints.ts';
import { changedSagaOf, KnownSagas } from './known-sagas.ts';

/** Milliseconds between two events: under load they tell of more sagas, and do not come more often. */
const tellEveryMs = 250;
/** Milliseconds between two looks into the log, for what no hint has told. */
const lookEveryMs = 1_000;
/** Of the newest sagas, how many a look reads. */
const newestLooked = 100;

/** Tells what changes, in whatever process, while anybody listens. */
export interface ChangeFeed extends HintListener {
  /** Until `signal` is aborted. The first event says that it has begun. Throws what is no absence of Postgres. */
  listen(filter: ChangeFilter, signal: AbortSignal): AsyncGenerator<ChangesEvent, void>;
}

type FeedLog = Pick<SagaLog, 'countActive' | 'getSagas' | 'listSagas'>;

export function createChangeFeed(log: FeedLog): ChangeFeed {
  let telling: Telling | undefined;
  return {
    isAwaited: () => telling !== undefined,
    hint: (changed) => telling?.hint(changed),
    async *listen(filter, signal) {
      telling ??= startTelling(log, () => (telling = undefined));
      yield* telling.listen(filter, signal);
    },
  };
}

type Telling = Pick<ChangeFeed, 'hint' | 'listen'>;

/** From the first listener to the last. */
function startTelling(log: FeedLog, onOver: () => void): Telling {
  const listeners = new Set<ChangeListener>();
  const heard = new ChangeSet();
  const known = new KnownSagas();
  const alarm = createAlarm();
  /** Those who listen, or are about to. */
  const audience = new Set<ChangeListener>();
  let active: ChangesEvent['active'] = null;

  const readSagas = async (ids: number[]): Promise<Saga[]> =>
    ids.length === 0 ? [] : within(postgresPatienceMs, log.getSagas(ids));

  /** Undefined where Postgres is away: then nobody knows what is active. */
  const orAway = async <T>(reading: Promise<T>): Promise<T | undefined> => {
    try {
      return await reading;
    } catch (error) {
      if (problemErrorOf(error).status !== 503) throw error;
      active = null;
      return undefined;
    }
  };

  /** Finds what no hint has told: new sagas, and what has become of those told of last. */
  const look = async (isFirst: boolean): Promise<true> => {
    const [counts, newest, again] = await Promise.all([
      within(postgresPatienceMs, log.countActive()),
      within(postgresPatienceMs, log.listSagas({ limit: newestLooked })),
      readSagas(known.open()),
    ]);
    active = counts;
    // Whoever listens from now on reads the state of now himself.
    if (isFirst) for (const saga of newest.toReversed()) known.remember(saga);
    for (const saga of [...again, ...newest])
      if (known.isNews(saga))
        heard.add([{ status: saga.status, stuck: saga.stuck, ids: [saga.id] }]);
    return true;
  };

  const eventOf = (changed = noneByStatus()): ChangesEvent => ({
    at: new Date().toISOString(),
    active,
    changed,
    sagas: [],
    left: 0,
  });

  const tellHeard = async (): Promise<void> => {
    const taken = heard.take();
    const statuses = new Set([...listeners].map(({ filter }) => filter.status));
    const choices = new Map([...statuses].map((status) => [status, chooseSagas(taken, status)]));
    const ids = new Set([...choices.values()].flatMap((choice) => choice.ids));
    const found = await orAway(readSagas([...ids]));
    const news = new Map<number, ChangedSaga>();
    for (const saga of found ?? []) {
      if (known.isNews(saga)) news.set(saga.id, changedSagaOf(saga));
      known.remember(saga);
    }
    for (const { filter, offer } of listeners) {
      const choice = choices.get(filter.status);
      if (!choice) continue; // it came meanwhile
      const sagas = choice.ids.flatMap((id) => news.get(id) ?? []);
      offer({
        ...eventOf(taken.changed),
        sagas: sagas.filter((saga) => fits(filter, saga)),
        left: choice.left + (found ? 0 : choice.ids.length),
      });
    }
  };

  const tellWhileHeard = async (onBegun: () => void): Promise<void> => {
    let lookedAt = -Infinity;
    let hasLooked: true | undefined;
    do {
      const before = JSON.stringify(active);
      if (performance.now() - lookedAt >= lookEveryMs) {
        lookedAt = performance.now();
        hasLooked = (await orAway(look(!hasLooked))) ?? hasLooked;
        onBegun();
      }
      if (!heard.isEmpty) await tellHeard();
      else if (JSON.stringify(active) !== before)
        for (const { offer } of listeners) offer(eventOf());
      await delay(tellEveryMs);
      if (heard.isEmpty) await alarm.sleep(lookedAt + lookEveryMs - performance.now());
    } while (audience.size > 0);
  };

  const begun = new Promise<void>((resolve, reject) => {
    tellWhileHeard(resolve)
      .finally(onOver)
      .catch((error: unknown) => {
        reject(error);
        for (const { fail } of listeners) fail(error);
      });
  });
  begun.catch(() => {});

  return {
    hint(changed) {
      heard.add(changed);
      alarm.ring();
    },
    async *listen(filter, signal) {
      const listener = createChangeListener(filter);
      audience.add(listener);
      try {
        await begun;
        listeners.add(listener);
        listener.offer(eventOf());
        for (;;) {
          const event = await listener.next(signal);
          if (!event) return;
          yield event;
        }
      } finally {
        listeners.delete(listener);
        audience.delete(listener);
        alarm.ring();
      }
    },
  };
}
