import { Tables } from './log/tables.ts';
import { nodeNames, type EngineModule } from './definitions.ts';
import { SimulatedFault } from './fault.ts';
import { SimulatedNode } from './node.ts';
import { drawProfile, type Profile } from './profile.ts';
import { PromiseWatch } from './promises/promise-watch.ts';
import { QueueState } from './queue.ts';
import { createRandom, type Random } from './random.ts';
import { Scheduler, type Life } from './scheduler.ts';

/** Everything that a run consists of besides the engine. */
export class World {
  readonly engine: EngineModule;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly watch: PromiseWatch;
  readonly tables: Tables;
  readonly queue: QueueState;
  readonly nodes: Map<string, SimulatedNode>;
  readonly counts: Record<string, number> = {};
  profile: Profile;
  isPostgresAway = false;
  readonly downNodes = new Set<string>();
  /** Messages that arrive when everything else is over. */
  readonly belated: { label: string; deliver(): void }[] = [];

  constructor(engine: EngineModule, seed: number) {
    this.engine = engine;
    this.queue = new QueueState(engine, (job, by) => this.watch.jobs.onSwallowed(job, by));
    this.random = createRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.profile = drawProfile(this.random);
    const { chance } = this.random;
    this.nodes = new Map(
      nodeNames.map((name) => [
        name,
        new SimulatedNode(
          name,
          (effect) => this.watch.onEffect(effect),
          () => chance(this.profile.refusal) && this.count('refused by a node'),
        ),
      ]),
    );
    this.tables = new Tables('log-1', (commit) => this.watch.onCommit(commit));
    this.watch = new PromiseWatch(this.tables, this.nodes, this.queue);
  }

  /** Counts a thing that happened; true, so that it can stand in a condition. */
  count(what: string): true {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
    return true;
  }

  /** Whether a fault of this probability strikes now; it is counted. */
  strikes(fault: keyof Profile, what: string): boolean {
    return this.random.chance(this.profile[fault]) && this.count(what);
  }

  /** A step of a process, or of the world. */
  schedule(
    life: Life | undefined,
    label: string | (() => string),
    run: () => void,
    options: { afterMs?: number; isReady?: () => boolean; wakesAt?: () => number } = {},
  ): void {
    const { afterMs, ...rest } = options;
    this.scheduler.add(life, label, run, {
      ...rest,
      ...(afterMs === undefined ? {} : { at: this.scheduler.now + afterMs }),
    });
  }

  /** Whether an error that came out of the engine is one that we put into it. */
  blame(error: unknown, doing: string): void {
    const { stack, message } = error as Error;
    // The second is what the engine makes of a queue that was too slow: it was, as the seed said.
    if (error instanceof SimulatedFault || message === 'the queue does not answer') return;
    this.watch.violate('engine', `${doing} threw what nobody caused: ${stack ?? String(error)}`);
  }
}
