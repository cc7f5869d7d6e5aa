import type { Saga } from '@reliable-ops/saga';
import type { Tables } from '../log/tables.ts';
import { isActive } from './statuses.ts';
import type { Expect } from './violations.ts';

/** What a lane has seen so far: ids and fences only grow along it. */
interface LaneHistory {
  accepted: number;
  started: number;
  fence: number;
  sagas: Set<number>;
}

/** P4: sagas of one key get their lane one after another, in the order accepted. */
export class LaneWatch {
  readonly #tables: Tables;
  readonly #expect: Expect;
  readonly #lanes = new Map<string, LaneHistory>();

  constructor(tables: Tables, expect: Expect) {
    this.#tables = tables;
    this.#expect = expect;
  }

  onTransition(before: Saga | undefined, after: Saga): void {
    const { id, key, fence } = after;
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
    if (isActive(after) && !isActive(before)) this.#start(after, lane);
    else if (before && before.fence !== null)
      this.#expect(before.fence === fence, 'P4', () => `saga ${id} changed its fence`);
  }

  #start({ id, key, fence }: Saga, lane: LaneHistory): void {
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
  }

  /** A lane is there while somebody holds it, its holder is the one active saga of its key, and nobody waits for a free one. */
  check(key: string): void {
    const lane = this.#tables.lanes.get(key);
    const sagas = this.#sagasOf(this.#laneOf(key));
    const going = sagas.filter(isActive).map(({ id }) => id);
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

  /** Every lane that there ever was: its key, and its sagas in the order accepted. */
  *lanes(): Iterable<[key: string, sagas: Saga[]]> {
    for (const [key, lane] of this.#lanes)
      yield [key, this.#sagasOf(lane).sort((a, b) => a.id - b.id)];
  }

  #sagasOf({ sagas }: LaneHistory): Saga[] {
    return [...sagas].map((id) => this.#tables.sagas.get(id)!);
  }

  #laneOf(key: string): LaneHistory {
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane = { accepted: 0, started: 0, fence: 0, sagas: new Set<number>() };
    this.#lanes.set(key, lane);
    return lane;
  }
}
