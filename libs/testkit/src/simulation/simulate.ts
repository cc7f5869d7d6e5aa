import { Clients } from './clients.ts';
import type { EngineModule } from './definitions.ts';
import { SimulatedFault } from './fault.ts';
import { Operators } from './operators.ts';
import { crash, pause, startOrchestrator, startWorker, type Process } from './process.ts';
import { heal } from './profile.ts';
import type { Violation } from './promises/violations.ts';
import type { Life } from './scheduler.ts';
import { simulateTimers } from './timers.ts';
import { World } from './world.ts';

export interface Run {
  seed: number;
  steps: number;
  violation: Violation | undefined;
  counts: Record<string, number>;
  /** What happened, oldest first; only where it was asked for. */
  trace: string[];
}

/** Microtasks that a process gets after each step: more than the longest way from an answer to the next question. */
const turns = 24;
/** Steps within which everything has to end once it is healed. */
const stepsToEnd = 20_000;

/** One run: the real engine in a world that fails as its seed says, then heals. The same seed is the same run. */
export async function simulateSeed(
  engine: EngineModule,
  seed: number,
  { traces = false }: { traces?: boolean } = {},
): Promise<Run> {
  const world = new World(engine, seed);
  let current: Life | undefined;
  const restoreTimers = simulateTimers(world, () => current);
  try {
    return await simulate(world, seed, traces, (life) => (current = life));
  } finally {
    restoreTimers();
  }
}

async function simulate(
  world: World,
  seed: number,
  traces: boolean,
  enter: (life: Life | undefined) => void,
): Promise<Run> {
  const { scheduler, tables, queue, watch } = world;
  const processes = new Map<string, Process>();
  const start = (name: string): void => {
    processes.set(
      name,
      name.startsWith('worker') ? startWorker(world, name) : startOrchestrator(world, name),
    );
  };
  for (let n = 1; n <= world.profile.orchestrators; n++) start(`orchestrator-${n}`);
  for (const name of ['worker-1', 'worker-2']) start(name);
  const isOrchestrator = ({ life }: Process): boolean => life.name.startsWith('orchestrator');
  const clients = new Clients(world, () => [...processes.values()].filter(isOrchestrator));
  const operators = new Operators(world);
  const faults = createFaults(world, processes, start, operators);

  const trace: string[] = [];
  let steps = 0;
  const say = (label: string | (() => string), name = ''): void => {
    if (!traces) return;
    const ms = scheduler.now - 1_000_000_000_000;
    trace.push(
      `${String(steps).padStart(5)} ${String(ms).padStart(8)} ms  ${name.padEnd(15)} ${typeof label === 'string' ? label : label()}`,
    );
  };
  const step = async (): Promise<boolean> => {
    const next = scheduler.take();
    if (!next) return false;
    steps++;
    say(next.label, next.life?.name);
    enter(next.life);
    next.run();
    for (let turn = 0; turn < turns; turn++) await undefined;
    scheduler.now += world.random.below(world.profile.stepMs);
    return true;
  };
  const isQuiet = (): boolean => {
    if (tables.pauses.size > 0 || queue.paused.size > 0) return false;
    if (clients.open > 0 || tables.outbox.size > 0 || tables.open.size > 0) return false;
    for (const { endedAt } of tables.sagas.values()) if (endedAt === null) return false;
    for (const { state } of queue.jobs.values()) if (state !== 'finished') return false;
    return true;
  };

  while (steps < world.profile.steps && !watch.violation) {
    for (const happened of faults.strike()) say(`*** ${happened}`);
    if (!(await step())) break;
  }

  const healedAt = steps;
  let resumesAt = 0;
  const resumeNodes = (): void => {
    if (tables.pauses.size === 0 || scheduler.now < resumesAt) return;
    const alive = [...processes.values()].find(({ life }) => life.isAlive);
    if (!alive) return;
    resumesAt = scheduler.now + 10_000;
    operators.resumeAll(alive);
  };
  if (!watch.violation) {
    say('*** everything heals');
    faults.heal();
  }
  while (!watch.violation && !isQuiet()) {
    resumeNodes();
    if (steps - healedAt > stepsToEnd || !(await step())) {
      watch.atEnd();
      watch.violate('P7', `not quiet ${steps - healedAt} steps after everything was healed`);
    }
  }
  if (!watch.violation) {
    watch.atEnd();
    for (const { label, deliver } of world.belated) {
      say(`belated: ${label}`);
      deliver();
    }
    watch.atEnd();
    clients.atEnd();
    operators.atEnd();
  }
  countEnds(world);
  return { seed, steps, violation: watch.violation, counts: world.counts, trace };
}

function countEnds(world: World): void {
  if (world.watch.ghosts > 0) world.count('changed by a resolved saga');
  for (const { status } of world.tables.sagas.values()) world.count(`saga ${status}`);
  for (const { repeats, stale } of world.nodes.values()) {
    world.counts['command repeated at a node'] =
      (world.counts['command repeated at a node'] ?? 0) + repeats;
    world.counts['command stale at a node'] =
      (world.counts['command stale at a node'] ?? 0) + stale;
  }
}

function createFaults(
  world: World,
  processes: Map<string, Process>,
  start: (name: string) => void,
  operators: Operators,
) {
  const { scheduler, random, queue, tables } = world;
  const alive = (): Process[] => [...processes.values()].filter(({ life }) => life.isAlive);
  let isHealed = false;
  const later = (label: string, run: () => void, withinMs: number): void =>
    world.schedule(undefined, label, run, { afterMs: random.below(withinMs) });

  return {
    /** What goes wrong before the next step, as a line each. */
    *strike(): Generator<string> {
      if (world.strikes('crash', 'crash')) {
        const victim = random.pick(alive());
        if (victim) {
          crash(world, victim);
          const { name } = victim.life;
          later(`${name} starts`, () => start(name), 10_000);
          yield `${name} is killed`;
        }
      }
      if (world.strikes('pause', 'pause')) {
        const victim = random.pick(alive());
        if (victim) {
          pause(world, victim);
          yield `${victim.life.name} is stopped for ${victim.life.pausedUntil - scheduler.now} ms`;
        }
      }
      if (world.strikes('stall', 'lock lost')) {
        const active = [...queue.jobs.values()].filter(({ state }) => state === 'active');
        if (active.length > 0) {
          const lost = random.pick(active);
          const { id, holder } = lost;
          // A process that was too busy to renew its locks loses all of them; one may also get lost alone.
          const isBusy = random.chance(0.5);
          for (const job of active)
            if (isBusy ? job.holder === holder : job === lost)
              if (queue.stall(job, job.lock)) world.count('job stalled');
          yield `${holder?.name ?? 'a worker'} loses the lock of ${isBusy ? 'all its jobs' : `job ${id}`}`;
        }
      }
      if (world.strikes('wipe', 'queue wiped')) {
        world.watch.jobs.onWipe();
        queue.wipe();
        yield 'the queue is wiped';
      }
      if (world.strikes('jobLost', 'job lost by the queue')) {
        const going = [...queue.jobs.values()].filter(({ state }) => state !== 'finished');
        if (going.length > 0) {
          const lost = random.pick(going);
          queue.remove(lost);
          yield `the queue loses job ${lost.id}`;
        }
      }
      if (!queue.isAway && world.strikes('queueAway', 'queue away')) {
        queue.isAway = true;
        later('the queue is back', () => (queue.isAway = false), 20_000);
        yield 'the queue goes away';
      }
      if (!world.isPostgresAway && world.strikes('postgresRestart', 'Postgres restarted')) {
        for (const tx of tables.open) tables.rollback(tx, new SimulatedFault('57P01'));
        world.isPostgresAway = true;
        later('Postgres is back', () => (world.isPostgresAway = false), 10_000);
        yield 'Postgres restarts';
      }
      if (world.strikes('nodeDown', 'node down')) {
        const { name } = random.pick([...world.nodes.values()]);
        if (!world.downNodes.has(name)) {
          world.downNodes.add(name);
          later(`${name} is up`, () => world.downNodes.delete(name), 60_000);
          yield `${name} goes down`;
        }
      }
      if (world.strikes('jump', 'time jumped')) {
        const ms = Math.round(30_000 * random.next() ** 2);
        scheduler.now += ms;
        yield `${ms} ms pass`;
      }
      if (world.strikes('operate', 'operator')) {
        const by = alive();
        if (by.length > 0) {
          operators.operate(random.pick(by));
          yield 'an operator acts';
        }
      }
    },

    heal(): void {
      if (isHealed) return;
      isHealed = true;
      world.profile = heal(world.profile);
      queue.isAway = false;
      world.isPostgresAway = false;
      world.downNodes.clear();
      for (const { life } of processes.values()) life.pausedUntil = 0;
    },
  };
}
