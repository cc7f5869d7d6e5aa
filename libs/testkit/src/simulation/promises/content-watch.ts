import type { Saga } from '@reliable-ops/saga';
import { planOf, type PlannedSaga } from '../definitions.ts';
import type { SimulatedNode } from '../node.ts';
import type { Expect } from './violations.ts';

/** P1: what the nodes hold when a saga has ended, and when all have. */
export class ContentWatch {
  readonly #nodes: Map<string, SimulatedNode>;
  readonly #expect: Expect;
  /** By saga: what its nodes held when it got its lane. */
  readonly #before = new Map<number, Map<string, number | null>>();

  constructor(nodes: Map<string, SimulatedNode>, expect: Expect) {
    this.#nodes = nodes;
    this.#expect = expect;
  }

  /** A saga has just got its lane. */
  onStart({ id, key }: Saga): void {
    const held = [...this.#nodes].map(([name, node]) => [name, node.contentOf(key)] as const);
    this.#before.set(id, new Map(held));
  }

  /** A saga has just ended, and held its lane until now. */
  onEnd(saga: Saga, isVouched: (node: string) => boolean): void {
    const { id, key, status, fence } = saga;
    if (status === 'resolved') return;
    const plan = planOf(saga.name);
    for (const { node, action } of plan.stages.flat()) {
      if (action === 'notify' || isVouched(node)) continue;
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

  /** Everything has ended: every node holds what the sagas of a key say, one after another. */
  checkLane(node: string, key: string, sagas: Saga[]): void {
    /** undefined: whatever is there, an operator vouches for it. */
    let content: number | null | undefined = null;
    for (const saga of sagas) {
      const plan = planOf(saga.name);
      const step = plan.stages.flat().find((one) => one.node === node);
      if (!step || step.action === 'notify') continue;
      if (saga.status === 'resolved') content = undefined;
      else if (saga.status === 'completed')
        content =
          content === undefined && plan.goal === 'present'
            ? undefined
            : goalOf(plan, content ?? null, saga.fence);
    }
    const is = this.#nodes.get(node)!.contentOf(key);
    this.#expect(
      content === undefined || is === content,
      'P1',
      () => `at the end ${node} should hold ${content} for ${key}, it holds ${is}`,
    );
  }
}

function goalOf({ goal }: PlannedSaga, before: number | null, fence: number | null): number | null {
  if (goal === 'absent') return null;
  if (goal === 'own') return fence;
  return before ?? fence;
}
