import type { Command, Json, Outcome, Token } from '@reliable-ops/saga';

/** A record of a node: its content is the fence of the saga that made it, null where it is absent. */
interface NodeRecord {
  content: number | null;
  /** Raised by every change. */
  version: number;
  /** The newest token seen, and what came of it. */
  token: Token;
  outcome: string;
  /** Of the action under that token. */
  before: number | null;
  actionVersion: number;
}

/** Content that no saga makes: what was read on another node. */
const foreign = -1;

/** A change of a record, told to whoever watches the promises. */
export interface Effect {
  node: string;
  key: string;
  command: Command;
  before: number | null;
  after: number | null;
}

/** What the sagas of the simulation ask of a node. `look`, `set` and `restore` are for sagas that keep the before-image themselves. */
export type Kind = 'create' | 'delete' | 'undo' | 'look' | 'set' | 'restore' | 'notify';

/**
 * A node that fences, by the same table as apps/node-api. `refuses` says whether it refuses the action of a token that
 * it sees for the first time; a refusal is kept under its token like any outcome.
 */
export class SimulatedNode {
  readonly name: string;
  readonly records = new Map<string, NodeRecord>();
  readonly #onEffect: (effect: Effect) => void;
  readonly #refuses: () => boolean;
  repeats = 0;
  stale = 0;

  constructor(name: string, onEffect: (effect: Effect) => void, refuses: () => boolean) {
    this.name = name;
    this.#onEffect = onEffect;
    this.#refuses = refuses;
  }

  contentOf(key: string): number | null {
    return this.records.get(key)?.content ?? null;
  }

  apply(kind: Kind, command: Command): Outcome {
    const { key, token } = command;
    const record = this.records.get(key) ?? {
      content: null,
      version: 0,
      token: [0, 0] as Token,
      outcome: 'nothing',
      before: null,
      actionVersion: 0,
    };
    if (kind === 'look')
      return { result: 'applied', output: { node: this.name, content: record.content } };
    this.records.set(key, record);
    const order = token[0] - record.token[0] || token[1] - record.token[1];
    if (order < 0) {
      this.stale++;
      return { result: 'unknown', error: 'stale', broken: true };
    }
    if (order > 0) this.#decide(kind, record, command);
    else this.repeats++;
    if (record.outcome === 'refused') return { result: 'rejected', error: '409 refused' };
    return { result: 'applied', output: record.outcome };
  }

  #decide(kind: Kind, record: NodeRecord, command: Command): void {
    const { key, token, data } = command;
    const { content } = record;
    const isUndo = token[1] === 1;
    const isHeld = token[0] === record.token[0] && record.token[1] === 0;
    record.outcome = !isUndo && this.#refuses() ? 'refused' : this.#effectOf(kind, record, isHeld);
    record.token = token;
    let after = content;
    if (record.outcome === 'created' || record.outcome === 'set') after = token[0];
    if (record.outcome === 'deleted') after = null;
    if (record.outcome === 'restored')
      after = kind === 'restore' ? this.#contentIn(data) : record.before;
    const changes = ['created', 'set', 'deleted', 'restored'].includes(record.outcome);
    if (changes) record.version++;
    record.content = after;
    if (!isUndo) {
      record.before = content;
      record.actionVersion = record.version;
    }
    if (changes) this.#onEffect({ node: this.name, key, command, before: content, after });
  }

  #effectOf(kind: Kind, record: NodeRecord, isHeld: boolean): string {
    const isThere = record.content !== null;
    if (kind === 'create') return isThere ? 'existed' : 'created';
    if (kind === 'delete') return isThere ? 'deleted' : 'absent';
    if (kind === 'set') return 'set';
    if (kind === 'notify') return 'noted';
    // An undo: of an action that never came, or that changed nothing, there is nothing to take back.
    if (!isHeld || !['created', 'deleted', 'set'].includes(record.outcome)) return 'nothing';
    return record.version === record.actionVersion ? 'restored' : 'changed';
  }

  #contentIn(data: Json): number | null {
    const { before } = data as { before: { node: string; content: number | null } | null };
    return before && before.node !== this.name ? foreign : (before?.content ?? null);
  }
}
