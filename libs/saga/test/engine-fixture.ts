import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach } from '@jest/globals';
import {
  createEngine,
  createPostgresLog,
  createRecovery,
  createRegistry,
  type AcceptRequest,
  type Engine,
  type EngineOptions,
  type Entry,
  type Participant,
  type RecoveryOptions,
  type RecoveryPass,
  type SagaDefinition,
  type SagaLog,
  type SagaPolicy,
} from '../src/index.ts';
import { useDatabase, type DatabaseFixture } from './database-fixture.ts';
import { FencedStore } from './fenced-store.ts';
import { MemoryQueue } from './memory-queue.ts';

export interface EngineFixtureOptions {
  definitions: SagaDefinition[];
  policy?: Partial<SagaPolicy>;
  /** The nodes, in the order of the registry's participants. Default: plain stores. */
  createStore?(participant: string): FencedStore;
  /** The engine's clock stands at `nowMs` until a test moves it. Default: it goes. */
  clockStands?: boolean;
}

/** Its fields are there from the test's first hook on, anew for each test. */
export interface EngineFixture extends DatabaseFixture {
  log: SagaLog;
  queue: MemoryQueue;
  stores: FencedStore[];
  engine: Engine;
  nowMs: number;
  /** What the engines have said. */
  reported: string[];
  warned: { details: object; message: string }[];
  /** The nodes by their names, some of them replaced. */
  participants(replaced?: Record<string, Participant>): Record<string, Participant>;
  /** One more engine on this log and queue, as another process has it. */
  startEngine(options?: Partial<EngineOptions>): Engine;
  /** One pass of recovery. */
  recover(options?: Partial<RecoveryOptions>): Promise<RecoveryPass>;
  /** A request for sagas of a definition; default: the first. */
  request(ids: string[], definition?: SagaDefinition): AcceptRequest;
  /** Accepts these and waits until their jobs are in the queue. Answers the sagas' ids. */
  accept(...ids: string[]): Promise<number[]>;
  /** Runs jobs at the same time, as workers do, and waits until what follows is in the queue. */
  runJobs(jobs: Entry[][]): Promise<void>;
  /** The same where each entry has a job of its own. */
  run(entries: Entry[]): Promise<void>;
  /** Runs jobs until none is owed, whatever the clock says. */
  drain(): Promise<void>;
}

/** An engine on a log in Postgres, with a queue and nodes in memory. */
export function useEngine(options: EngineFixtureOptions): EngineFixture {
  const { definitions, policy, createStore = () => new FencedStore(), clockStands } = options;
  const registry = createRegistry(definitions, policy);
  const fixture = useDatabase() as EngineFixture;
  let engines: Engine[];
  beforeEach(() => {
    fixture.log = createPostgresLog(fixture.sql);
    fixture.queue = new MemoryQueue();
    fixture.stores = registry.participants.map(createStore);
    fixture.nowMs = Date.now();
    fixture.reported = [];
    fixture.warned = [];
    engines = [];
    fixture.engine = fixture.startEngine();
  });
  afterEach(async () => {
    for (const engine of engines) await engine.idle();
  });

  return Object.assign(fixture, {
    participants: (replaced: Record<string, Participant> = {}) => ({
      ...Object.fromEntries(
        registry.participants.map((name, index) => [name, fixture.stores[index]!]),
      ),
      ...replaced,
    }),
    startEngine(given: Partial<EngineOptions> = {}) {
      const engine = createEngine({
        log: fixture.log,
        registry,
        queue: fixture.queue,
        participants: fixture.participants(),
        ...(clockStands ? { clock: () => fixture.nowMs } : {}),
        report: (_details, message) => fixture.reported.push(message),
        warn: (details, message) => fixture.warned.push({ details, message }),
        ...given,
      });
      engines.push(engine);
      return engine;
    },
    recover: (given: Partial<RecoveryOptions> = {}) =>
      createRecovery({
        log: fixture.log,
        queue: fixture.queue,
        holder: 'one',
        intervalMs: 5_000,
        ...given,
      })(),
    request: (ids: string[], definition: SagaDefinition = definitions[0]!) => ({
      batchId: randomUUID(),
      idempotency: null,
      sagas: ids.map((id) => ({ definition, input: { id } })),
    }),
    async accept(...ids: string[]) {
      const { sagaIds } = await fixture.engine.accept(fixture.request(ids));
      await fixture.engine.idle();
      return sagaIds;
    },
    async runJobs(jobs: Entry[][]) {
      await Promise.all(jobs.map((job) => fixture.engine.runJob(job)));
      await fixture.engine.idle();
    },
    run: (entries: Entry[]) => fixture.runJobs(entries.map((entry) => [entry])),
    async drain() {
      await fixture.engine.idle();
      for (let jobs = fixture.queue.takeJobs(8); jobs.length > 0; jobs = fixture.queue.takeJobs(8))
        await fixture.runJobs(jobs);
    },
  });
}
