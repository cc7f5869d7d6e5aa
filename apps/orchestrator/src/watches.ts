import type { Registry, SagaLog } from '@reliable-ops/saga';
import { createEndedTally } from './console/measures/ended-tally.ts';
import { startSampler, type Sampler } from './console/measures/sampler.ts';
import { createChangeFeed, type ChangeFeed } from './events/change-feed.ts';
import { hintOfEnds, listenForChanges } from './events/hints.ts';
import { createSagaWatch, type SagaWatch } from './events/saga-watch.ts';
import { createEndWatch, type EndWatch } from './sagas/waiting.ts';

/** All that looks at how sagas change, for people who wait, follow or look on. */
export interface Watches extends Disposable {
  endWatch: EndWatch;
  feed: ChangeFeed;
  sagaWatch: SagaWatch;
  sampler: Sampler;
}

export interface WatchesOptions {
  log: SagaLog;
  registry: Registry;
  redisUrl: string;
  onError(error: Error): void;
}

export function startWatches({ log, registry, redisUrl, onError }: WatchesOptions): Watches {
  const endWatch = createEndWatch(log);
  const feed = createChangeFeed(log);
  const sagaWatch = createSagaWatch();
  const tally = createEndedTally();
  const sampler = startSampler({ log, registry, tally });
  const listeners = [hintOfEnds(endWatch), feed, sagaWatch, tally];
  const hints = listenForChanges(redisUrl, listeners, onError);
  return {
    endWatch,
    feed,
    sagaWatch,
    sampler,
    [Symbol.dispose]() {
      endWatch.close();
      sampler[Symbol.dispose]();
      hints[Symbol.dispose]();
    },
  };
}
