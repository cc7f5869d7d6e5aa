import {
  commandOf,
  type Command,
  type Entry,
  type Saga,
  type StepRecord,
} from '@reliable-ops/saga';
import { plannedSagas, type PlannedSaga } from './definitions.ts';
import type { Commit, Tables } from './log/tables.ts';
import type { Effect, SimulatedNode } from './node.ts';
import { stuckAfter } from './profile.ts';

export interface Violation {
  /** P1..P7, or what else must hold. */
  promise: string;
  what: string;
}

const planOf = new Map(plannedSagas.map((plan) => [plan.name, plan]));
const stepPlanOf = ({ stages }: PlannedSaga, step: string) =>
  stages.flat().find(({ node }) => node === step)!;

const ended = new Set(['completed', 'compensated', 'cancelled', 'resolved']);
const active = new Set(['running', 'compensating']);
/** From one commit to the next: a saga with nothing to take back turns and ends in one. */
const legal: Record<string, string[]> = {
  queued: ['queued', 'running', 'cancelled'],
  running: ['running', 'completed', 'compensating', 'compensated', 'cancelled'],
  compensating: ['compensating', 'compensated', 'cancelled', 'resolved'],
};
const phaseIn: Record<string, Command['phase']> = {
  preparing: 'prepare',
  running: 'action',
  compensating: 'compensation',
};

const commandsOf = (entry: Entry | undefined): Command[] =>
  entry?.items.map((item) => commandOf(entry, item)) ?? [];

/** What a lane has seen so far: ids and fences only grow along it. */
interface LaneHistory {
  accepted: number;
  started: number;
  fence: number;
  sagas: Set<number>;
}

/** Looks at every commit and at every change of a node, and says which promise it breaks. */
export class PromiseWatch {
  violation: Violation | undefined;
  /** Changes by sagas that an operator had vouched for. */
  ghosts = 0;
  readonly #tables: Tables;
  readonly #nodes: Map<string, SimulatedNode>;
  readonly #commands = new Map<number, { entry: string; command: Command }[]>();
  readonly #lanes = new Map<string, LaneHistory>();
  /** By saga: what its nodes held when it got its lane. */
  readonly #before = new Map<number, Map<string, number | null>>();
  /** By node and key. */
  readonly #effects = new Map<string, { fence: number; tokens: Set<string> }>();
  /** A saga that an operator has vouched for may still have messages under way: what they change is his. */
  readonly #vouched = new Set<string>();

  constructor(tables: Tables, nodes: Map<string, SimulatedNode>) {
    this.#tables = tables;
    this.#nodes = nodes;
  }

  violate(promise: string, what: string): void {
    this.violation ??= { promise, what };
  }

  #expect(holds: boolean, promise: string, what: () => string): void {
    if (!holds && !this.violation) this.violate(promise, what());
  }

  onEffect({ node, key, command, before, after }: Effect): void {
    const { sagaId, token } = command;
    const saga = this.#tables.sagas.get(sagaId);
    const what = (why: string) => () =>
      `saga ${sagaId} token [${token.join(', ')}] changed ${key} on ${node} from ${before} to ${after}: ${why}`;
    if (saga?.status === 'resolved') {
      // Nobody can call back what was under way when the operator vouched for it.
      this.ghosts++;
      const holder = this.#tables.lanes.get(key)?.holder;
      this.#vouched.add(`${node} ${key} ${holder}`);
      return;
    }
    this.#expect(
      saga !== undefined && active.has(saga.status),
      'P5',
      what(`it is ${saga?.status}`),
    );
    this.#expect(
      this.#tables.lanes.get(key)?.holder === sagaId,
      'P4',
      what('it does not hold the lane'),
    );
    const id = `${node} ${key}`;
    const seen = this.#effects.get(id) ?? { fence: 0, tokens: new Set<string>() };
    this.#effects.set(id, seen);
    this.#expect(token[0] >= seen.fence, 'P4', what(`after fence ${seen.fence}`));
    this.#expect(!seen.tokens.has(token.join('.')), 'P3', what('a second time'));
    this.#expect(
      token[1] === 1 || !seen.tokens.has(`${token[0]}.1`),
      'P5',
      what('after it was taken back'),
    );
    seen.fence = token[0];
    seen.tokens.add(token.join('.'));
  }

  onCommit(commit: Commit): void {
    const sagas = new Set(commit.sagas.map(({ after }) => after.id));
    const keys = new Set(commit.lanes);
    for (const { before, after } of commit.outbox) {
      for (const command of commandsOf(before)) {
        this.#forget(command, before!);
        sagas.add(command.sagaId);
      }
      for (const command of commandsOf(after)) {
        const owed = this.#commands.get(command.sagaId);
        if (owed) owed.push({ entry: after!.id, command });
        else this.#commands.set(command.sagaId, [{ entry: after!.id, command }]);
        sagas.add(command.sagaId);
      }
    }
    // In the order of their ids, as a lane gets them.
    commit.sagas.sort((a, b) => a.after.id - b.after.id);
    for (const { before, after } of commit.sagas) {
      keys.add(after.key);
      this.#checkTransition(before, after);
    }
    for (const id of sagas) this.#checkOwed(id);
    for (const key of keys) this.#checkLane(key);
  }

  #forget(command: Command, { id }: Entry): void {
    const owed = this.#commands.get(command.sagaId)!;
    owed.splice(
      owed.findIndex(({ entry, command: { step } }) => entry === id && step === command.step),
      1,
    );
  }

  #checkTransition(before: Saga | undefined, after: Saga): void {
    const { id, key, status, fence } = after;
    const from = before?.status ?? 'nothing';
    const may = before ? (legal[from] ?? []) : ['queued', 'running'];
    this.#expect(may.includes(status), 'status', () => `saga ${id} went from ${from} to ${status}`);
    const lane = this.#laneOf(key);
    if (!before) {
      this.#expect(
        id > lane.accepted,
        'P4',
        () => `saga ${id} of ${key} was accepted after ${lane.accepted}`,
      );
      lane.accepted = Math.max(lane.accepted, id);
      lane.sagas.add(id);
    }
    const isStart = active.has(status) && !active.has(from);
    if (isStart) {
      this.#expect(
        id > lane.started,
        'P4',
        () => `saga ${id} of ${key} got its lane after ${lane.started}`,
      );
      this.#expect(
        fence !== null && fence > lane.fence,
        'P4',
        () => `saga ${id} of ${key} got fence ${fence} after ${lane.fence}`,
      );
      for (const other of lane.sagas)
        this.#expect(
          other >= id || this.#tables.sagas.get(other)!.status !== 'queued',
          'P4',
          () => `saga ${id} of ${key} got its lane before ${other}, which was accepted first`,
        );
      lane.started = id;
      lane.fence = fence ?? 0;
      this.#before.set(
        id,
        new Map([...this.#nodes].map(([name, node]) => [name, node.contentOf(key)])),
      );
    }
    if (before && !isStart && before.fence !== null)
      this.#expect(before.fence === fence, 'P4', () => `saga ${id} changed its fence`);
    this.#checkSteps(after);
    if (ended.has(status) && from !== 'queued') this.#checkEnd(after);
  }

  /** Whether status and steps say the same. */
  #checkSteps(saga: Saga): void {
    const { id, status, steps, fence, endedAt } = saga;
    const plan = planOf.get(saga.name)!;
    const states: Record<string, StepRecord['state'][]> = {
      queued: ['pending'],
      running: ['pending', 'preparing', 'running', 'applied'],
      compensating: [
        'preparing',
        'running',
        'applied',
        'failed',
        'compensating',
        'compensated',
        'skipped',
      ],
      completed: ['applied'],
      compensated: ['failed', 'compensated', 'skipped'],
      cancelled: ['failed', 'compensated', 'skipped'],
      resolved: [
        'preparing',
        'running',
        'applied',
        'failed',
        'compensating',
        'compensated',
        'skipped',
      ],
    };
    for (const step of steps) {
      const hasNothingToTakeBack = stepPlanOf(plan, step.name).compensation === undefined;
      const isLeft = hasNothingToTakeBack && step.state === 'applied';
      const fits = states[status]!.includes(step.state) || (isLeft && status !== 'queued');
      const isTakenBack =
        !['compensated', 'cancelled'].includes(status) ||
        step.state !== 'failed' ||
        !step.uncertain ||
        hasNothingToTakeBack;
      this.#expect(
        fits && isTakenBack,
        'status',
        () =>
          `saga ${id} is ${status}, but its step ${step.name} is ${step.state}${step.uncertain ? ' and uncertain' : ''}`,
      );
      const isStuck = step.state === 'compensating' && step.attempts >= stuckAfter;
      this.#expect(
        !isStuck || ended.has(status) || saga.stuck,
        'P6',
        () => `saga ${id} is not flagged stuck after ${step.attempts} attempts`,
      );
    }
    this.#checkStages(saga, plan);
    this.#expect(
      !saga.stuck || status === 'compensating',
      'status',
      () => `saga ${id} is ${status} and stuck`,
    );
    this.#expect(
      (endedAt !== null) === ended.has(status),
      'status',
      () => `saga ${id} is ${status}, ended at ${endedAt}`,
    );
    this.#expect(
      status === 'queued' ? fence === null : fence !== null || status === 'cancelled',
      'status',
      () => `saga ${id} is ${status} with fence ${fence}`,
    );
  }

  /** Stages go forward one after another, and back the other way. */
  #checkStages({ id, status, steps }: Saga, { stages }: PlannedSaga): void {
    if (!active.has(status)) return;
    const stateOf = (node: string): StepRecord['state'] =>
      steps.find(({ name }) => name === node)!.state;
    const seen = stages.map((stage) => stage.map(({ node }) => stateOf(node)));
    for (let stage = 1; stage < seen.length; stage++) {
      const earlier = seen[stage - 1]!;
      const later = seen[stage]!;
      const isBegun = later.some((state) => state !== 'pending' && state !== 'skipped');
      const isOrdered =
        status === 'running'
          ? !isBegun || earlier.every((state) => state === 'applied')
          : !earlier.includes('compensating') ||
            !later.some((state) =>
              ['preparing', 'running', 'applied', 'compensating'].includes(state),
            );
      this.#expect(
        isOrdered,
        'stages',
        () => `saga ${id} is ${status}, its stages are ${JSON.stringify(seen)}`,
      );
    }
  }

  /** A saga has just ended, and held its lane until now. */
  #checkEnd(saga: Saga): void {
    const { id, key, status, fence } = saga;
    if (status === 'resolved') return;
    const plan = planOf.get(saga.name)!;
    for (const { node, action } of plan.stages.flat()) {
      if (action === 'notify' || this.#vouched.has(`${node} ${key} ${id}`)) continue;
      const is = this.#nodes.get(node)!.contentOf(key);
      const was = this.#before.get(id)?.get(node) ?? null;
      const wanted = status === 'completed' ? goalOf(plan, was, fence) : was;
      this.#expect(
        is === wanted,
        'P1',
        () =>
          `saga ${id} (${plan.name} ${key}) is ${status}: ${node} should hold ${wanted}, it holds ${is}`,
      );
    }
  }

  /** Every step under way has its command in the outbox, once, and nothing else has one. */
  #checkOwed(id: number): void {
    const saga = this.#tables.sagas.get(id);
    const owed = this.#commands.get(id) ?? [];
    const say = (): string =>
      `saga ${id} is ${saga?.status} (${saga?.steps.map(({ name, state, attempts }) => `${name} ${state} ${attempts}`).join(', ')}), the outbox holds ${owed.map(({ command: { step, phase, attempt, token } }) => `${step} ${phase} ${attempt} [${token.join('.')}]`).join(', ') || 'nothing'}`;
    if (!saga || !active.has(saga.status)) {
      this.#expect(owed.length === 0, 'outbox', say);
      return;
    }
    let underWay = 0;
    for (const { name, state, attempts } of saga.steps) {
      const phase = phaseIn[state];
      if (!phase) continue;
      underWay++;
      const own = owed.filter(({ command }) => command.step === name);
      const { command } = own[0] ?? {};
      this.#expect(
        own.length === 1 &&
          command!.phase === phase &&
          command!.attempt === attempts + 1 &&
          command!.token[0] === saga.fence,
        'outbox',
        say,
      );
    }
    this.#expect(underWay > 0 && owed.length === underWay, 'outbox', say);
  }

  /** A lane is there while somebody holds it, its holder is the one active saga of its key, and nobody waits for a free one. */
  #checkLane(key: string): void {
    const lane = this.#tables.lanes.get(key);
    const sagas = [...this.#laneOf(key).sagas].map((id) => this.#tables.sagas.get(id)!);
    const going = sagas.filter(({ status }) => active.has(status)).map(({ id }) => id);
    const waiting = sagas.filter(({ status }) => status === 'queued').map(({ id }) => id);
    this.#expect(
      going.length === (lane ? 1 : 0) &&
        (!lane || lane.holder === going[0]) &&
        (lane !== undefined || waiting.length === 0),
      'P4',
      () =>
        `lane ${key} is held by ${lane ? lane.holder : 'nobody'}, active: ${going.join(' ') || 'none'}, waiting: ${waiting.join(' ') || 'none'}`,
    );
  }

  #laneOf(key: string): LaneHistory {
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane = { accepted: 0, started: 0, fence: 0, sagas: new Set<number>() };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Everything has ended: nothing is left over, and every node holds what the sagas say, one after another. */
  atEnd(): void {
    const { sagas, lanes, outbox, open } = this.#tables;
    for (const { id, status } of sagas.values())
      this.#expect(ended.has(status), 'P7', () => `saga ${id} is still ${status}`);
    this.#expect(
      lanes.size === 0,
      'P7',
      () => `lanes are still held: ${[...lanes.keys()].join(' ')}`,
    );
    this.#expect(
      outbox.size === 0,
      'P7',
      () => `outbox rows are left: ${[...outbox.keys()].join(' ')}`,
    );
    this.#expect(open.size === 0, 'P7', () => `${open.size} transactions are still open`);
    for (const [name, node] of this.#nodes) this.#checkNode(name, node);
  }

  #checkNode(name: string, node: SimulatedNode): void {
    for (const [key, lane] of this.#lanes) {
      let content: number | null | undefined = null;
      for (const id of [...lane.sagas].sort((a, b) => a - b)) {
        const saga = this.#tables.sagas.get(id)!;
        const plan = planOf.get(saga.name)!;
        const step = plan.stages.flat().find((one) => one.node === name);
        if (!step || step.action === 'notify') continue;
        // An operator vouches for whatever is there.
        if (saga.status === 'resolved') content = undefined;
        else if (saga.status === 'completed')
          content =
            content === undefined && plan.goal === 'present'
              ? undefined
              : goalOf(plan, content ?? null, saga.fence);
      }
      const is = node.contentOf(key);
      this.#expect(
        content === undefined || is === content,
        'P1',
        () => `at the end ${name} should hold ${content} for ${key}, it holds ${is}`,
      );
    }
  }
}

function goalOf({ goal }: PlannedSaga, before: number | null, fence: number | null): number | null {
  if (goal === 'absent') return null;
  if (goal === 'own') return fence;
  return before ?? fence;
}
