import type { Registry, SagaLog } from '@reliable-ops/saga';
import { participantOf } from '../../known-definition.ts';
import { postgresPatienceMs, within } from '../../within.ts';
import type { EndedTally } from './ended-tally.ts';
import { sampleOf, type Sample, type Stratum } from './sample.ts';

/** Milliseconds between two samples; longer where one is dear: at most a twentieth of the time goes into them. */
const sampleEveryMs = 5_000;
const timesItsCost = 20;
/** Milliseconds that samples are kept. */
const keptMs = 15 * 60_000;
/** Sagas looked at that have not ended, of each status. */
const openSampled = 50;

export interface Sampler extends Disposable {
  /** Of the last 15 minutes, oldest first. */
  samples(): readonly Sample[];
}

export interface SamplerOptions {
  log: Pick<SagaLog, 'countActive' | 'getSagas' | 'listSagas'>;
  registry: Registry;
  tally: EndedTally;
  clock?(): number;
}

/** Numbers over time, in this process's memory: a few reads by index every 5 s, and nothing on the way of a saga. */
export function startSampler({ log, registry, tally, clock = Date.now }: SamplerOptions): Sampler {
  let kept: Sample[] = [];
  let from = clock();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const openOf = async (status: 'running' | 'compensating', count: number): Promise<Stratum> => ({
    count,
    sagas: count === 0 ? [] : await log.listSagas({ status, limit: openSampled }),
  });
  const look = async (): Promise<void> => {
    const until = clock();
    const { completed, takenBack, ids } = tally.take();
    const read = async () => {
      const active = await log.countActive();
      const [ended, running, compensating] = await Promise.all([
        ids.length === 0 ? [] : log.getSagas(ids),
        openOf('running', active.running),
        openOf('compensating', active.compensating),
      ]);
      return { active, ended, open: [running, compensating] };
    };
    const unknown = { active: null, ended: [], open: [] };
    const seen = await within(postgresPatienceMs, read()).catch(() => unknown);
    kept = kept.filter(({ at }) => at > until - keptMs);
    kept.push(
      sampleOf({
        from,
        until,
        completed,
        takenBack,
        participantOf: (saga, step) => participantOf(registry, saga, step),
        ...seen,
      }),
    );
    from = until;
  };
  const wait = (ms: number): void => {
    if (isStopped) return;
    timer = setTimeout(() => {
      const startedAt = performance.now();
      void look().then(() => {
        const tookMs = performance.now() - startedAt;
        wait(Math.max(sampleEveryMs - tookMs, timesItsCost * tookMs));
      });
    }, ms);
    timer.unref();
  };
  wait(sampleEveryMs);

  return {
    samples: () => kept,
    [Symbol.dispose]() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
