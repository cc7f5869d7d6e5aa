import { endedChannel } from '@reliable-ops/saga';
import { Redis } from 'ioredis';
import type { EndWatch } from './waiting.ts';

/** Listens to what workers say of ended sagas, on a connection of its own. Redis may be away: then the watch finds out by itself. */
export function listenForEnded(
  redisUrl: string,
  watch: Pick<EndWatch, 'isAwaited' | 'hint'>,
  onError: (error: Error) => void,
): Disposable {
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  redis.on('error', onError);
  redis.on('message', (_channel, ids: string) => {
    if (watch.isAwaited()) watch.hint(ids.split(',').map(Number));
  });
  // Waits for the connection; ioredis subscribes again after each reconnection.
  redis.subscribe(endedChannel).catch(() => {});
  return { [Symbol.dispose]: () => redis.disconnect() };
}
