import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Command, EngineObserver, Outcome, Participant } from '../src/index.ts';
import { countLeftovers, countStatuses } from './database-fixture.ts';
import { useEngine, type EngineFixture } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const unknown: Outcome = { result: 'unknown', error: '500' };
const rejected: Outcome = { result: 'rejected', error: '404' };
const broken: Outcome = { result: 'unknown', error: 'stale', broken: true };

/** A node whose answers are spoilt as the test says, after it has done what it was told; it keeps all calls. */
class SpoiltNode implements Participant {
  calls: { kind: string; commands: Command[] }[] = [];
  /** The outcome told instead of the node's own, undefined: its own. May throw. */
  spoil: (id: string, attempt: number, kind: string) => Outcome | undefined = () => undefined;
  readonly #store: Participant;

  constructor(store: Participant) {
    this.#store = store;
  }

  async run(kind: string, commands: Command[]): Promise<Outcome[]> {
    this.calls.push({ kind, commands });
    const spoilt = commands.map(({ key, attempt }) => this.spoil(key, attempt, kind));
    const own = await this.#store.run(kind, commands);
    return own.map((outcome, index) => spoilt[index] ?? outcome);
  }

  /** Of each call: the number of its attempt, and the lanes. */
  told(kind = 'create'): [attempt: number, keys: string[]][] {
    return this.calls
      .filter((call) => call.kind === kind)
      .map(({ commands }) => [commands[0]!.attempt, commands.map(({ key }) => key)]);
  }
}

/** An engine on one node, which fails as the test says. */
function useSpoiltNode(fixture: EngineFixture) {
  const spoilt = {} as { node: SpoiltNode; commits: number };
  const observer: EngineObserver = {
    accepted: () => {},
    committed: () => spoilt.commits++,
    ended: () => {},
  };
  beforeEach(() => {
    spoilt.node = new SpoiltNode(fixture.stores[0]!);
    spoilt.commits = 0;
    fixture.engine = fixture.startEngine({ participants: { n1: spoilt.node }, observer });
  });
  return Object.assign(spoilt, {
    /** Runs the one job that is in the queue. */
    async runOnly() {
      const jobs = fixture.queue.take();
      expect(jobs).toHaveLength(1);
      await fixture.run(jobs);
    },
    /** What the log has of each saga's attempts, by lane. */
    async readAttempts() {
      const sagas = await fixture.log.listSagas({ limit: 99 });
      return Object.fromEntries(
        sagas.map(({ key, steps }) => [
          key,
          steps[0]!.log.map(([phase, attempt, , , result]) => `${phase} ${attempt} ${result}`),
        ]),
      );
    },
    /** What is in the queue. */
    queued: () =>
      fixture.queue
        .entries()
        .map(({ kind, attempt, items }) => [kind, attempt, items.map(([, key]) => key)]),
  });
}

describe('commands that a participant leaves while it carries out others', () => {
  const fixture = useEngine({ definitions: [defineChange('create', ['n1'])], clockStands: true });
  const spoilt = useSpoiltNode(fixture);

  test('are tried again at once: one job, one commit, every attempt in the log', async () => {
    spoilt.node.spoil = (id, attempt) =>
      (id === 'b' && attempt === 1) || (id === 'c' && attempt <= 2) ? unknown : undefined;
    await fixture.accept('a', 'b', 'c');
    await spoilt.runOnly();

    expect(spoilt.node.told()).toEqual([
      [1, ['a', 'b', 'c']],
      [2, ['b', 'c']],
      [3, ['c']],
    ]);
    expect(spoilt.commits).toBe(1);
    expect(spoilt.queued()).toEqual([]);
    expect(await spoilt.readAttempts()).toEqual({
      a: ['action 1 applied'],
      b: ['action 1 unknown', 'action 2 applied'],
      c: ['action 1 unknown', 'action 2 unknown', 'action 3 applied'],
    });
    expect(await countStatuses(fixture)).toEqual({ completed: 3 });
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
    // A lost reply is told again; nothing is done twice.
    expect(fixture.stores[0]!.changes).toHaveLength(3);
  });

  test('are told the same again: only the number of the attempt is another', async () => {
    spoilt.node.spoil = (id, attempt) => (id !== 'a' && attempt === 1 ? unknown : undefined);
    await fixture.accept('a', 'b', 'c');
    await spoilt.runOnly();
    const [first, second] = spoilt.node.calls.map(({ commands }) => commands);
    expect(second).toEqual(first!.slice(1).map((command) => ({ ...command, attempt: 2 })));
  });

  test('are tried four times in a row at most; the fifth attempt is the log’s', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e'];
    // Each attempt gets one through.
    spoilt.node.spoil = (id, attempt) => (keys.indexOf(id) >= attempt ? unknown : undefined);
    await fixture.accept(...keys);
    await spoilt.runOnly();
    expect(spoilt.node.told().map(([attempt]) => attempt)).toEqual([1, 2, 3, 4]);
    expect(spoilt.queued()).toEqual([['create', 5, ['e']]]);
    await fixture.drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 5 });
  });

  test('from the fifth attempt on are left to the log', async () => {
    spoilt.node.spoil = (id, attempt) => (attempt <= 4 || id === 'b' ? unknown : undefined);
    await fixture.accept('a', 'b');
    // They fail together, so they come back together.
    for (let attempt = 1; attempt <= 4; attempt++) await spoilt.runOnly();
    expect(spoilt.queued()).toEqual([['create', 5, ['a', 'b']]]);
    await spoilt.runOnly();
    expect(spoilt.node.told().slice(4)).toEqual([[5, ['a', 'b']]]);
    expect(spoilt.queued()).toEqual([['create', 6, ['b']]]);
    spoilt.node.spoil = () => undefined;
    await fixture.drain();
  });

  test('are left to the log once an attempt gets nothing through', async () => {
    spoilt.node.spoil = (id, attempt) =>
      id === 'a' || (id === 'b' && attempt === 3) ? undefined : unknown;
    await fixture.accept('a', 'b', 'c');
    await spoilt.runOnly();
    expect(spoilt.node.told().map(([attempt]) => attempt)).toEqual([1, 2]);
    expect(spoilt.queued()).toEqual([['create', 3, ['b', 'c']]]);
    spoilt.node.spoil = () => undefined;
    await fixture.drain();
  });

  test('where nothing gets through at all, nothing is tried at once', async () => {
    spoilt.node.spoil = () => unknown;
    await fixture.accept('a', 'b');
    await spoilt.runOnly();
    expect(spoilt.node.told()).toEqual([[1, ['a', 'b']]]);
    expect(spoilt.queued()).toEqual([['create', 2, ['a', 'b']]]);
    expect(await spoilt.readAttempts()).toEqual({
      a: ['action 1 unknown'],
      b: ['action 1 unknown'],
    });
    spoilt.node.spoil = () => undefined;
    await fixture.drain();
  });

  test('are not tried again where that does not help: a rejection stands, and an answer that may not be given', async () => {
    const spoils: Record<string, Outcome> = { lost: unknown, no: rejected, stale: broken };
    spoilt.node.spoil = (id, attempt, kind) =>
      kind === 'create' && attempt === 1 ? spoils[id] : undefined;
    await fixture.accept('a', 'lost', 'no', 'stale');
    await spoilt.runOnly();
    expect(spoilt.node.told()).toEqual([
      [1, ['a', 'lost', 'no', 'stale']],
      [2, ['lost']],
    ]);
    expect(fixture.reported).toEqual([
      'broken invariant: a command whose outbox row stands is stale',
    ]);
    expect(await spoilt.readAttempts()).toEqual({
      a: ['action 1 applied'],
      lost: ['action 1 unknown', 'action 2 applied'],
      no: ['action 1 rejected'],
      stale: ['action 1 unknown'],
    });
    expect(spoilt.queued()).toEqual([['create', 2, ['stale']]]);
    await fixture.drain();
  });

  test('a rejection of some carries on the others: the participant has answered them', async () => {
    spoilt.node.spoil = (id, attempt) =>
      id === 'no' ? rejected : attempt === 1 ? unknown : undefined;
    await fixture.accept('no', 'a');
    await spoilt.runOnly();
    expect(spoilt.node.told()).toEqual([
      [1, ['no', 'a']],
      [2, ['a']],
    ]);
    expect(await countStatuses(fixture)).toEqual({ compensated: 1, completed: 1 });
  });

  test('when the second call throws, what came of the first stands', async () => {
    spoilt.node.spoil = (id, attempt) => {
      if (attempt === 2) throw new Error('the second call');
      return id === 'a' ? undefined : unknown;
    };
    await fixture.accept('a', 'b', 'c');
    await spoilt.runOnly();
    expect(spoilt.node.told().map(([attempt]) => attempt)).toEqual([1, 2]);
    expect(spoilt.commits).toBe(1);
    expect(await spoilt.readAttempts()).toEqual({
      a: ['action 1 applied'],
      b: ['action 1 unknown'],
      c: ['action 1 unknown'],
    });
    // Not in halves: they come back as what the first attempt has left.
    expect(spoilt.queued()).toEqual([['create', 2, ['b', 'c']]]);
    spoilt.node.spoil = () => undefined;
    await fixture.drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 3 });
  });

  test.each([
    { tookMs: 1_000, attempts: [1, 2] },
    { tookMs: 1_001, attempts: [1] },
  ])('after a call of $tookMs ms the attempts in the same job are $attempts', async (given) => {
    spoilt.node.spoil = (id, attempt) => {
      if (id === 'a') fixture.nowMs += given.tookMs;
      return id === 'b' && attempt === 1 ? unknown : undefined;
    };
    await fixture.accept('a', 'b');
    await spoilt.runOnly();
    expect(spoilt.node.told().map(([attempt]) => attempt)).toEqual(given.attempts);
    expect(await countStatuses(fixture)).toEqual(
      given.attempts.length === 2 ? { completed: 2 } : { completed: 1, running: 1 },
    );
    await fixture.drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 2 });
  });

  test('attempts together take a second at most, then what is left is the log’s', async () => {
    const keys = ['a', 'b', 'c', 'd'];
    spoilt.node.spoil = (id, attempt) => {
      if (keys.indexOf(id) === attempt - 1) fixture.nowMs += 600;
      return keys.indexOf(id) >= attempt ? unknown : undefined;
    };
    await fixture.accept(...keys);
    await spoilt.runOnly();
    expect(spoilt.node.told().map(([attempt]) => attempt)).toEqual([1, 2]);
    expect(spoilt.queued()).toEqual([['create', 3, ['c', 'd']]]);
    await fixture.drain();
  });

  test('an engine is idle only when they are through', async () => {
    spoilt.node.spoil = (id, attempt) => (id === 'b' && attempt === 1 ? unknown : undefined);
    await fixture.accept('a', 'b');
    const [job] = fixture.queue.take();
    const runs = fixture.engine.runJob([job!]);
    await fixture.engine.idle();
    expect(await countStatuses(fixture)).toEqual({ completed: 2 });
    await runs;
  });

  test('each attempt has its own beginning in the log', async () => {
    spoilt.node.spoil = (id, attempt) => {
      if (id === 'b') fixture.nowMs += 300;
      return id === 'b' && attempt === 1 ? unknown : undefined;
    };
    await fixture.accept('a', 'b');
    const since = fixture.nowMs;
    await spoilt.runOnly();
    const sagas = await fixture.log.listSagas({ key: 'b', limit: 1 });
    expect(sagas[0]!.steps[0]!.log.map(([, , startedAt]) => startedAt - since)).toEqual([0, 300]);
  });

  test('of a compensation are tried again at once as well, with its own token', async () => {
    // What is told of the actions rejects them, after they were seen to be unknown: all are taken back.
    spoilt.node.spoil = (id, attempt, kind) => {
      if (kind === 'create') return attempt === 1 ? unknown : rejected;
      return id === 'b' && attempt === 1 ? unknown : undefined;
    };
    await fixture.accept('a', 'b');
    await spoilt.runOnly();
    await spoilt.runOnly();
    const before = spoilt.commits;
    await spoilt.runOnly();
    expect(spoilt.node.told('undo')).toEqual([
      [1, ['a', 'b']],
      [2, ['b']],
    ]);
    for (const { commands } of spoilt.node.calls.filter(({ kind }) => kind === 'undo'))
      expect(commands.map(({ token: [, phase] }) => phase)).toEqual(commands.map(() => 1));
    expect(spoilt.commits).toBe(before + 1);
    expect((await spoilt.readAttempts())['b']).toEqual([
      'action 1 unknown',
      'action 2 rejected',
      'compensation 1 unknown',
      'compensation 2 applied',
    ]);
    expect(await countStatuses(fixture)).toEqual({ compensated: 2 });
    expect(fixture.stores[0]!.present()).toEqual([]);
  });
});

describe('where a step may be attempted twice', () => {
  const fixture = useEngine({
    definitions: [defineChange('create', ['n1'])],
    policy: { stepAttempts: 2 },
  });
  const spoilt = useSpoiltNode(fixture);

  test('it is called twice and no more, then taken back', async () => {
    const keys = ['a', 'b', 'c'];
    spoilt.node.spoil = (id, attempt, kind) =>
      kind === 'create' && keys.indexOf(id) >= attempt ? unknown : undefined;
    await fixture.accept(...keys);
    await spoilt.runOnly();
    expect(spoilt.node.told()).toEqual([
      [1, ['a', 'b', 'c']],
      [2, ['b', 'c']],
    ]);
    expect(spoilt.queued()).toEqual([['undo', 1, ['c']]]);
    await fixture.drain();
    expect(spoilt.node.told()).toHaveLength(2);
    expect(await countStatuses(fixture)).toEqual({ completed: 2, compensated: 1 });
    expect(fixture.stores[0]!.present()).toEqual(['a', 'b']);
  });
});

describe('where one saga of several may be attempted less often', () => {
  const patient = defineChange('create', ['n1']);
  const impatient = { ...defineChange('delete', ['n1']), policy: { stepAttempts: 1 } };
  const fixture = useEngine({ definitions: [patient, impatient] });
  const spoilt = useSpoiltNode(fixture);

  test('no command is sent more often than its own saga allows', async () => {
    spoilt.node.spoil = (id, attempt, kind) =>
      kind === 'delete' && id === 'b' && attempt === 1 ? unknown : undefined;
    await fixture.engine.accept(fixture.request(['a', 'b'], impatient));
    await fixture.drain();
    expect(spoilt.node.told('delete')).toEqual([[1, ['a', 'b']]]);
    expect(await countStatuses(fixture)).toEqual({ completed: 1, compensated: 1 });
  });
});
