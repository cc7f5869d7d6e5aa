import type { Saga } from '@reliable-ops/saga';
import type { Commit, Tables } from '../log/tables.ts';
import type { Effect, SimulatedNode } from '../node.ts';
import type { QueueState } from '../queue.ts';
import { ContentWatch } from './content-watch.ts';
import { EffectWatch } from './effect-watch.ts';
import { JobWatch } from './job-watch.ts';
import { LaneWatch } from './lane-watch.ts';
import { OutboxWatch } from './outbox-watch.ts';
import { checkSteps, checkTransition, hasEnded, isActive } from './statuses.ts';
import { Violations, type Violation } from './violations.ts';

/** Looks at every commit and at every change of a node, and says which promise it breaks. */
export class PromiseWatch {
  readonly #violations = new Violations();
  readonly #tables: Tables;
  readonly #nodes: Map<string, SimulatedNode>;
  readonly #outbox: OutboxWatch;
  readonly #lanes: LaneWatch;
  readonly #effects: EffectWatch;
  readonly #contents: ContentWatch;
  readonly jobs: JobWatch;

  constructor(tables: Tables, nodes: Map<string, SimulatedNode>, queue: QueueState) {
    const { expect } = this.#violations;
    this.#tables = tables;
    this.#nodes = nodes;
    this.#outbox = new OutboxWatch(tables, expect);
    this.#lanes = new LaneWatch(tables, expect);
    this.#effects = new EffectWatch(tables, expect);
    this.#contents = new ContentWatch(nodes, expect);
    this.jobs = new JobWatch(tables, queue, expect);
  }

  get violation(): Violation | undefined {
    return this.#violations.first;
  }

  /** Changes by sagas that an operator had vouched for. */
  get ghosts(): number {
    return this.#effects.ghosts;
  }

  violate(promise: string, what: string): void {
    this.#violations.violate(promise, what);
  }

  onEffect(effect: Effect): void {
    this.#effects.onEffect(effect);
  }

  onCommit(commit: Commit): void {
    const sagas = new Set(commit.sagas.map(({ after }) => after.id));
    const keys = new Set(commit.lanes);
    for (const id of this.#outbox.onCommit(commit)) sagas.add(id);
    // In the order of their ids, as a lane gets them.
    commit.sagas.sort((a, b) => a.after.id - b.after.id);
    for (const { before, after } of commit.sagas) {
      keys.add(after.key);
      this.#onTransition(before, after);
    }
    for (const id of sagas) this.#outbox.check(id);
    for (const key of keys) this.#lanes.check(key);
  }

  #onTransition(before: Saga | undefined, after: Saga): void {
    const { expect } = this.#violations;
    checkTransition(before, after, expect);
    this.#lanes.onTransition(before, after);
    if (isActive(after) && !isActive(before)) this.#contents.onStart(after);
    checkSteps(after, expect);
    if (hasEnded(after) && before?.status !== 'queued')
      this.#contents.onEnd(after, (node) => this.#effects.isVouched(node, after.key, after.id));
  }

  /** Everything has ended: nothing is left over, and every node holds what the sagas say. */
  atEnd(): void {
    const { expect } = this.#violations;
    const { sagas, lanes, outbox, open } = this.#tables;
    for (const saga of sagas.values())
      expect(hasEnded(saga), 'P7', () => `saga ${saga.id} is still ${saga.status}`);
    expect(lanes.size === 0, 'P7', () => `lanes are still held: ${[...lanes.keys()].join(' ')}`);
    expect(outbox.size === 0, 'P7', () => `outbox rows are left: ${[...outbox.keys()].join(' ')}`);
    expect(open.size === 0, 'P7', () => `${open.size} transactions are still open`);
    for (const node of this.#nodes.keys())
      for (const [key, lane] of this.#lanes.lanes()) this.#contents.checkLane(node, key, lane);
  }
}
