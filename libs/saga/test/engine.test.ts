import { describe, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { createPostgresLog, type Participant } from '../src/index.ts';
import { countLeftovers, countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const fixture = useEngine({
  definitions: [defineChange('create', nodes)],
  policy: { stepAttempts: 3 },
});
const { accept, drain, request, run } = fixture;

/** The sagas that some announcement gives this state. */
const announcedAs = (status: string): number[] => {
  const groups = fixture.queue.announced.filter((group) => group.status === status);
  return [...new Set(groups.flatMap((group) => group.ids))].sort((one, other) => one - other);
};

describe('from accept to the end', () => {
  test('a batch is carried out on every node, and leaves no lane and no outbox row', async () => {
    const sagaIds = await accept(...idsOf(100));
    expect(sagaIds).toHaveLength(100);
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 100 });
    for (const store of fixture.stores) expect(store.present()).toEqual(idsOf(100).sort());
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
    expect(announcedAs('completed')).toEqual(sagaIds);
    expect(announcedAs('running')).toEqual(sagaIds);
  });

  test('P1, P3: under lost calls and lost replies all nodes agree, and each token changes a record once', async () => {
    for (const store of fixture.stores)
      store.fault = () => (Math.random() < 0.2 ? 'error' : Math.random() < 0.2 ? 'lost' : 'none');
    await accept(...idsOf(300));
    await drain();
    const ended = await countStatuses(fixture);
    expect((ended.completed ?? 0) + (ended.compensated ?? 0)).toBe(300);
    expect(ended.compensated ?? 0).toBeGreaterThan(0);
    const [first, ...others] = fixture.stores.map((store) => store.present());
    for (const other of others) expect(other).toEqual(first);
    expect(first).toHaveLength(ended.completed ?? 0);
    for (const { changes } of fixture.stores) expect(new Set(changes).size).toBe(changes.length);
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
    expect(fixture.reported).toEqual([]);
  });

  test('statements do not grow with the batch: accept and commit take at most four each', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    const counted: string[] = [];
    const counting = connect(fixture.url, { applicationName: 'counting' });
    counting.options.debug = (_connection: number, query: string) =>
      counted.push(query.trim().split(/\s+/)[0]!);
    fixture.engine = fixture.startEngine({ log: createPostgresLog(counting) });
    await fixture.engine.accept({ ...request(idsOf(400)), idempotency: { key: 'k', digest: 'd' } });
    const ofAccept = counted.splice(0);
    await fixture.engine.idle();
    const [job] = fixture.queue.takeJobs(1);
    await fixture.engine.runJob(job!);
    await fixture.engine.idle();
    const ofCommit = counted.splice(0);
    await counting.end();
    const statements = (queries: string[]): string[] =>
      queries.filter((word) => /^(select|insert|update|delete|with)/i.test(word));
    expect(statements(ofAccept).length).toBeLessThanOrEqual(4);
    expect(statements(ofCommit).length).toBeLessThanOrEqual(4);
  });
});

describe('poison', () => {
  test('a batch that fails as a whole is halved down to the one command that spoils it; the others go through', async () => {
    const poisoned: Participant = {
      async run(kind, commands) {
        if (kind === 'create' && commands.some(({ data }) => (data as { id: string }).id === 'g13'))
          throw new Error('cannot handle it');
        return fixture.stores[0]!.run(kind, commands);
      },
    };
    fixture.engine = fixture.startEngine({ participants: fixture.participants({ n1: poisoned }) });
    await accept(...idsOf(32));
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 31, compensated: 1 });
    for (const store of fixture.stores)
      expect(store.present()).toEqual(
        idsOf(32)
          .filter((id) => id !== 'g13')
          .sort(),
      );
  });
});

describe('operators', () => {
  const ops = { by: 'ann@desk', note: null };

  test('a queued saga is cancelled at once, a running one is taken back, an ended one is refused', async () => {
    const [done] = await accept('done');
    await drain();
    const [running, queued] = await accept('x', 'x');
    const answers = await fixture.engine.cancel([done!, running!, queued!, 999_999], ops);
    expect([...answers.values()]).toEqual([
      { result: 'refused', reason: `saga ${done} has completed: nothing is left to cancel` },
      { result: 'begun' },
      { result: 'done' },
      { result: 'unknown' },
    ]);
    expect((await fixture.engine.cancel([running!], ops)).get(running!)).toEqual({
      result: 'begun',
    });
    await drain();
    expect((await fixture.engine.cancel([running!], ops)).get(running!)).toEqual({
      result: 'done',
    });
    expect(await countStatuses(fixture)).toEqual({ completed: 1, cancelled: 2 });
    for (const store of fixture.stores) expect(store.present()).toEqual(['done']);
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
  });

  test('resolve takes the outstanding commands away, then hands the lane on', async () => {
    fixture.stores[1]!.fault = () => 'error';
    const [stuck, next] = await accept('x', 'x');
    const [other] = await accept('y');
    for (let turn = 0; turn < 12; turn++) {
      await run(fixture.queue.take());
    }
    await fixture.engine.idle();
    expect(await countStatuses(fixture)).toEqual({ compensating: 2, queued: 1 });
    expect((await fixture.engine.resolve([next!], ops)).get(next!)).toMatchObject({
      result: 'refused',
    });
    expect((await fixture.engine.resolve([stuck!], ops)).get(stuck!)).toEqual({ result: 'done' });
    const commands = await fixture.sql<{ ids: number[] }[]>`
      select array_agg((item ->> 0)::int) as ids from saga.outbox, json_array_elements(items) as item`;
    expect(commands[0]!.ids).not.toContain(stuck);
    expect(commands[0]!.ids).toEqual(expect.arrayContaining([next, other]));
    fixture.stores[1]!.fault = () => 'none';
    await drain();
    expect(await countStatuses(fixture)).toEqual({ resolved: 1, completed: 1, compensated: 1 });
  });
});

describe('sizes', () => {
  test('a large batch is several entries, none above its bound', async () => {
    await accept(...idsOf(1_200));
    const sizes = fixture.queue.take().map(({ items }) => items.length);
    expect(sizes).toHaveLength(9);
    expect(Math.max(...sizes)).toBe(500);
  });
});
