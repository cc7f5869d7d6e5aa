import type { Tables } from '../log/tables.ts';
import type { Effect } from '../node.ts';
import { isActive } from './statuses.ts';
import type { Expect } from './violations.ts';

/** P3, P4, P5: who changes a record may do so, in the order of the fences, and once. */
export class EffectWatch {
  /** Changes by sagas that an operator had vouched for. */
  ghosts = 0;
  readonly #tables: Tables;
  readonly #expect: Expect;
  /** By node and key. */
  readonly #effects = new Map<string, { fence: number; tokens: Set<string> }>();
  /** A saga that an operator has vouched for may still have messages under way: what they change is his. */
  readonly #vouched = new Set<string>();

  constructor(tables: Tables, expect: Expect) {
    this.#tables = tables;
    this.#expect = expect;
  }

  /** Whether an operator's saga has changed the record while this one held its lane. */
  isVouched(node: string, key: string, sagaId: number): boolean {
    return this.#vouched.has(`${node} ${key} ${sagaId}`);
  }

  onEffect({ node, key, command, before, after }: Effect): void {
    const { sagaId, token } = command;
    const saga = this.#tables.sagas.get(sagaId);
    const holder = this.#tables.lanes.get(key)?.holder;
    const what = (why: string) => () =>
      `saga ${sagaId} token [${token.join(', ')}] changed ${key} on ${node} from ${before} to ${after}: ${why}`;
    if (saga?.status === 'resolved') {
      // Nobody can call back what was under way when the operator vouched for it.
      this.ghosts++;
      this.#vouched.add(`${node} ${key} ${holder}`);
      return;
    }
    this.#expect(isActive(saga), 'P5', what(`it is ${saga?.status}`));
    this.#expect(holder === sagaId, 'P4', what('it does not hold the lane'));
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
}
