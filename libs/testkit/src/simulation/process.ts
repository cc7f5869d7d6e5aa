import { stagesQueue, type Engine, type SagaLog } from '@reliable-ops/saga';
import { defineSagas, nodeNames, type Definitions } from './definitions.ts';
import { SimulatedFault } from './fault.ts';
import { followJob } from './follow-job.ts';
import { createSimulatedLog } from './log/simulated-log.ts';
import { connectNodes } from './network.ts';
import { stuckAfter } from './profile.ts';
import { createSimulatedQueue, type Job } from './queue.ts';
import type { Life } from './scheduler.ts';
import type { World } from './world.ts';

export interface Process {
  life: Life;
  engine: Engine;
  definitions: Definitions;
}

/** As in the worker: milliseconds after which a job of a dead one goes to another, and between two looks of recovery. */
const lockMs = 10_000;
const intervalMs = 5_000;
const concurrency = 2;
/** As in libs/saga/src/bullmq/job-worker.ts. */
const poisonousStalls = 3;

function createLogFor(world: World, life: Life): SagaLog {
  const { random, scheduler, tables } = world;
  return createSimulatedLog(
    tables,
    {
      schedule(label, run, isReady) {
        if (isReady) world.count('waited for a lock');
        scheduler.add(life, label, run, isReady ? { isReady } : undefined);
      },
      failStatement() {
        if (world.isPostgresAway) return new SimulatedFault('ECONNREFUSED');
        if (!world.strikes('statementFails', 'statement failed')) return undefined;
        // XX000 is one of which the engine cannot know whose fault it is.
        return new SimulatedFault(random.pick(['CONNECTION_CLOSED', '57014', '53100', 'XX000']));
      },
      failCommit() {
        if (world.isPostgresAway || world.strikes('commitFails', 'commit failed'))
          return { ending: 'failed', error: new SimulatedFault('CONNECTION_CLOSED') };
        if (world.strikes('commitLost', 'answer to a commit lost'))
          return { ending: 'lost', error: new SimulatedFault('CONNECTION_CLOSED') };
        return { ending: 'committed' };
      },
      newId: () => random.id(),
      onDeadlock: (lock) => world.watch.violate('lock order', `a circle of waits at "${lock}"`),
    },
    life,
  );
}

function startProcess(world: World, name: string): Process & { log: SagaLog; life: Life } {
  const { scheduler, random, engine: engineModule } = world;
  const life: Life = { name, isAlive: true, pausedUntil: 0 };
  const log = createLogFor(world, life);
  const { stepAttempts, deadlineMs } = world.profile;
  const definitions = defineSagas(engineModule, { stepAttempts, deadlineMs, stuckAfter });
  const engine = engineModule.createEngine({
    log,
    registry: definitions.registry,
    queue: createSimulatedQueue(world.queue, hostQueue(world, life)),
    participants: connectNodes(world, life),
    clock: () => scheduler.now,
    randomness: { random: () => random.next(), id: () => random.id() },
    warn: () => world.count('warning'),
    report: (details, message) =>
      world.watch.violate('report', `${message}: ${JSON.stringify(details)}`),
  });
  return { life, engine, definitions, log };
}

const hostQueue = (world: World, life: Life) => ({
  schedule: (label: string, run: () => void) => world.scheduler.add(life, label, run),
  now: () => world.scheduler.now,
  random: world.random,
  failCall: () =>
    world.strikes('queueFails', 'call to the queue failed')
      ? world.random.pick(['failed', 'partial', 'lost'] as const)
      : ('none' as const),
  owed: () => [...world.tables.outbox.keys()],
  onFalseMarker: (id: string) =>
    world.watch.violate(
      'P2',
      `the queue is marked as complete, but no job of row ${id} was ever added`,
    ),
});

export const startOrchestrator = startProcess;

/** A worker takes jobs of every queue, and stands by for recovery. */
export function startWorker(world: World, name: string): Process {
  const { scheduler, random, queue, watch } = world;
  const worker = startProcess(world, name);
  const { life, engine, log } = worker;
  for (const source of [...nodeNames, stagesQueue]) {
    let underWay = 0;
    const take = (): void => {
      run(random.pick(queue.due(source, scheduler.now)));
      listen();
    };
    const run = (job: Job): void => {
      underWay++;
      const lock = queue.start(job, life);
      world.count(job.lock > 1 ? 'job run again' : 'job run');
      watch.jobs.onBegin(life, job);
      const countWays = followJob(world, life, job);
      const { id, entries, stalls } = job;
      const work =
        stalls >= poisonousStalls && world.count('job that stalls again and again')
          ? engine.failJob(entries, `the job stalled ${stalls} times`)
          : engine.runJob(entries);
      const endJob = (ending: Parameters<typeof queue.end>[1]) =>
        scheduler.add(
          life,
          () => `end of job ${id}`,
          () => {
            underWay--;
            if (!queue.isHeld(job, lock)) return;
            if (queue.isAway) {
              loseLock(world, job);
              return;
            }
            queue.end(job, ending);
            if (!('finished' in ending)) return;
            watch.jobs.onFinish(job);
            countWays();
          },
        );
      work.then(
        () => endJob({ finished: true }),
        (error: unknown) => {
          world.blame(error, 'a job');
          endJob({ dueAt: scheduler.now + random.below(5_000) });
        },
      );
    };
    const listen = (): void =>
      scheduler.add(life, () => `${name} takes a job of ${source}`, take, {
        isReady: () => underWay < concurrency && queue.hasDue(source, scheduler.now),
        wakesAt: () => (underWay < concurrency ? queue.nextDueAt(source) : Infinity),
      });
    listen();
  }

  const pass = world.engine.createRecovery({
    log,
    queue: createSimulatedQueue(queue, hostQueue(world, life)),
    holder: `${name}-${random.id()}`,
    clock: () => scheduler.now,
    intervalMs,
  });
  const recover = (): void => {
    pass().then(
      ({ held, rebuilt, added }) => {
        if (held) world.count('recovery looked');
        if (rebuilt) world.count('recovery published everything');
        if (added > 0) world.count('recovery found jobs missing');
        recoverAfter(intervalMs);
      },
      (error: unknown) => {
        world.blame(error, 'recovery');
        recoverAfter(intervalMs);
      },
    );
  };
  const recoverAfter = (afterMs: number): void =>
    world.schedule(life, `${name} recovers`, recover, { afterMs });
  recoverAfter(random.below(intervalMs));
  return worker;
}

/** Nobody renews the lock of a job: another worker gets it. */
function loseLock(world: World, job: Job): void {
  const { lock } = job;
  world.schedule(
    undefined,
    () => `lock of job ${job.id} runs out`,
    () => {
      if (world.queue.stall(job, lock)) world.count('job stalled');
    },
    { afterMs: lockMs * (0.5 + world.random.next()) },
  );
}

/** Kills it: what it waits for never comes, Postgres rolls its transactions back some time, its jobs stall. */
export function crash(world: World, { life }: Process): void {
  life.isAlive = false;
  world.scheduler.drop(life);
  for (const tx of world.tables.open)
    if (tx.owner === life)
      world.schedule(undefined, 'rollback for a dead process', () => world.tables.rollback(tx), {
        afterMs: world.random.below(1_000),
      });
  loseJobs(world, life);
}

/** Stops it for a while (SIGSTOP): when it goes on, it knows nothing of it. */
export function pause(world: World, { life }: Process): void {
  life.pausedUntil = world.scheduler.now + world.random.below(40_000);
  loseJobs(world, life);
}

function loseJobs(world: World, life: Life): void {
  for (const job of world.queue.jobs.values()) if (job.holder === life) loseLock(world, job);
}
