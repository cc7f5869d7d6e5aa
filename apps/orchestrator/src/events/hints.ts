import { hasEnded } from '@reliable-ops/contracts';
import { changesChannel, readAnnouncement, type ChangedSagas } from '@reliable-ops/saga';
import { Redis } from 'ioredis';
import type { EndWatch } from '../sagas/waiting.ts';

/** Somebody to whom it helps to hear at once what has changed. A hint may be wrong or missing: Postgres is asked. */
export interface HintListener {
  /** Without anybody who waits, hints need not be read. */
  isAwaited(): boolean;
  hint(changed: ChangedSagas[]): void;
}

/** Hears what processes say of sagas that they have changed, on a connection of its own. Redis may be away: then the listeners find out by themselves. */
export function listenForChanges(
  redisUrl: string,
  listeners: HintListener[],
  onError: (error: Error) => void,
): Disposable {
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  redis.on('error', onError);
  redis.on('message', (_channel, text: string) => {
    const awaiting = listeners.filter((listener) => listener.isAwaited());
    if (awaiting.length === 0) return;
    const changed = readAnnouncement(text);
    for (const listener of awaiting) listener.hint(changed);
  });
  // Waits for the connection; ioredis subscribes again after each reconnection.
  redis.subscribe(changesChannel).catch(() => {});
  return { [Symbol.dispose]: () => redis.disconnect() };
}

/** Whoever waits for the end of a saga hears of those that have ended. */
export const hintOfEnds = (watch: Pick<EndWatch, 'isAwaited' | 'hint'>): HintListener => ({
  isAwaited: () => watch.isAwaited(),
  hint(changed) {
    const ended = changed.filter(({ status }) => hasEnded(status));
    if (ended.length > 0) watch.hint(ended.flatMap(({ ids }) => ids));
  },
});
