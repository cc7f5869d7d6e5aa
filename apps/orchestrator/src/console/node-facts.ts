import type { ClusterFaults, ClusterView } from '@reliable-ops/contracts';
import { FaultsError } from '@reliable-ops/connector';
import { stagesQueue, type JobCounts, type Pause } from '@reliable-ops/saga';
import type { AppParts } from '../app.ts';
import { countJobs } from '../count-jobs.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { createLatest } from './measures/latest.ts';
import { mergeSamples, type Sample } from './measures/sample.ts';

/** Milliseconds that a page waits for what it shows beside the saga log; later the last known is shown, or that it is not known. */
const patienceMs = 40;
/** Milliseconds after which each of it is read anew, when a page is asked for. */
const freshMs = 1_000;
/** Each node digests all its ids for it. */
const clusterFreshMs = 2_000;
/** Milliseconds that the numbers of a page look back. */
const recentMs = 60_000;

export interface NodeFacts {
  name: string;
  /** Null: not reachable; undefined: not known yet. */
  groups: number | null | undefined;
  pause: Pause | undefined;
  /** Undefined: Redis does not answer. */
  jobs: JobCounts | undefined;
  /** In the last minute. */
  attemptsPerSecond: number;
  /** Null: no attempt. */
  failedShare: number | null;
}

/** What pages show of the nodes. Whoever asks meanwhile shares the answer, and nobody waits long for it. */
export interface NodeReader {
  read(): Promise<{
    nodes: NodeFacts[];
    /** Jobs that go to several nodes at once. */
    stages: JobCounts | undefined;
    consistent: boolean | null | undefined;
  }>;
  /** 'none': this cluster makes no faults on purpose; undefined: not known. */
  readFaults(): Promise<ClusterFaults | 'none' | undefined>;
}

type Parts = Pick<AppParts, 'cluster' | 'faults' | 'log' | 'queue' | 'registry' | 'sampler'>;

export function createNodeReader({
  cluster,
  faults,
  log,
  queue,
  registry: { participants },
  sampler,
}: Parts): NodeReader {
  const views = createLatest<ClusterView>(() => cluster.read(), {
    freshMs: clusterFreshMs,
    patienceMs,
  });
  const jobs = createLatest(() => countJobs(queue), { freshMs, patienceMs });

  return {
    async read() {
      const [view, paused, counts] = await Promise.all([
        views.read(),
        within(postgresPatienceMs, log.readPauses()),
        jobs.read(),
      ]);
      const recent = recentOf(sampler.samples());
      const nodes = participants.map((name): NodeFacts => {
        const { all = 0, failed = 0 } = recent?.attempts[name] ?? {};
        return {
          name,
          groups: view?.nodes[name],
          pause: paused.find(({ participant }) => participant === name),
          jobs: counts?.[name],
          attemptsPerSecond: recent ? all / recent.seconds : 0,
          failedShare: all === 0 ? null : failed / all,
        };
      });
      return { nodes, stages: counts?.[stagesQueue], consistent: view?.consistent };
    },
    async readFaults() {
      // Not the last known: sliders show what is.
      try {
        return await faults.read();
      } catch (error) {
        if (!(error instanceof FaultsError)) throw error;
        return error.reason === 'none' ? 'none' : undefined;
      }
    },
  };
}

/** The last minute as one interval; undefined before the first sample. */
export const recentOf = (samples: readonly Sample[]): Sample | undefined => {
  const newest = samples.at(-1)?.at ?? 0;
  return mergeSamples(samples.filter(({ at }) => at > newest - recentMs));
};
