import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { waitFor } from '@reliable-ops/testkit';
import type { Dispatch } from '../src/advance.ts';
import { groupIntoEntries, groupIntoJobs, splitEntry } from '../src/entries.ts';
import {
  createRecovery,
  type CommandItem,
  type Entry,
  type Participant,
  type SagaLog,
} from '../src/index.ts';
import { countLeftovers, countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const fixture = useEngine({ definitions: [defineChange('create', nodes)], clockStands: true });
const { accept, drain, run } = fixture;

/** The only job in the queue. */
function takeJob(): Entry[] {
  const jobs = fixture.queue.takeJobs();
  expect(jobs).toHaveLength(1);
  return jobs[0]!;
}

/** Each attempt that the log has of a step. */
async function readAttempts(): Promise<Record<string, string[]>> {
  const sagas = await fixture.log.listSagas({ limit: 99 });
  const attempts: Record<string, string[]> = {};
  for (const { name, log } of sagas.flatMap(({ steps }) => steps))
    (attempts[name] ??= []).push(...log.map(([phase, n, , , result]) => `${phase} ${n} ${result}`));
  return attempts;
}

describe('a job of siblings', () => {
  test('is one transaction, which writes each saga once', async () => {
    const written: number[][] = [];
    const log: SagaLog = {
      ...fixture.log,
      transaction: (work) =>
        fixture.log.transaction((tx) =>
          work({
            ...tx,
            write(changes) {
              written.push(changes.updated.flatMap(({ members }) => members.map(({ id }) => id)));
              tx.write(changes);
            },
          }),
        ),
    };
    const ids = await accept(...idsOf(5));
    // They answer one after another, so that a commit for each would not go with the next one's.
    const answering = nodes.map((name, n): [string, Participant] => [
      name,
      {
        async run(kind, commands) {
          for (let turn = 0; turn < 10 * n; turn++) await setImmediate();
          return fixture.stores[n]!.run(kind, commands);
        },
      },
    ]);
    const participants = Object.fromEntries(answering);
    const engine = fixture.startEngine({ log, participants });
    const told = await engine.runJob(takeJob());
    expect(told).toBe('n1: 5 applied; n2: 5 applied; n3: 5 applied');
    expect(written).toEqual([ids]);
    expect(await countStatuses(fixture)).toEqual({ completed: 5 });
  });

  test('P3: run by two processes at once, it is committed once', async () => {
    await accept('a', 'b');
    const job = takeJob();
    const other = fixture.startEngine();
    await Promise.all([fixture.engine.runJob(job), other.runJob(job), fixture.engine.runJob(job)]);
    expect(await countStatuses(fixture)).toEqual({ completed: 2 });
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
    for (const { changes } of fixture.stores) expect(changes).toHaveLength(2);
    const twice = ['action 1 applied', 'action 1 applied'];
    expect(await readAttempts()).toEqual({ n1: twice, n2: twice, n3: twice });
  });

  test('run again when a part of it is committed, it commits the others', async () => {
    await accept('a');
    const job = takeJob();
    await run(job.slice(0, 1));
    await fixture.engine.runJob(job);
    const once = ['action 1 applied'];
    expect(await readAttempts()).toEqual({ n1: once, n2: once, n3: once });
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
  });

  test.each([
    [0, 'n1: 1 applied; n2: 1 applied; n3: 1 applied', 1],
    [2_000, 'n1: 1 applied; n2: no longer owed: its row is gone; n3: 1 applied', 0],
  ])(
    'run %i ms late, after a row of it was taken away: it commits nothing for that row, and the others',
    async (lateMs, told, changes) => {
      await accept('a');
      const job = takeJob();
      await fixture.sql`delete from saga.outbox where participant = 'n2'`;
      fixture.nowMs += lateMs;
      expect(await fixture.engine.runJob(job)).toBe(told);
      expect(fixture.stores[1]!.changes).toHaveLength(changes);
      expect(await readAttempts()).toEqual({
        n1: ['action 1 applied'],
        n2: [],
        n3: ['action 1 applied'],
      });
    },
  );

  test('P5: of a resolved saga does nothing when it comes late; the rest of its batch is owed by new rows', async () => {
    const [stuck, other] = await accept('a', 'b');
    const [one, two, three] = takeJob();
    await fixture.engine.cancel([stuck!, other!], { by: 'ann', note: null });
    // The stage turns back as a whole, in a job that all share.
    await fixture.engine.runJob([one!, two!, three!]);
    await fixture.engine.idle();
    const job = takeJob();
    await fixture.engine.resolve([stuck!], { by: 'ann', note: null });
    const before = fixture.stores.map(({ changes }) => changes.length);
    fixture.nowMs += 2_000;
    await fixture.engine.runJob(job);
    expect(fixture.stores.map(({ changes }) => changes.length)).toEqual(before);
    await drain();
    expect(await countStatuses(fixture)).toEqual({ resolved: 1, cancelled: 1 });
  });

  test('that cannot be handled comes back in halves, each in a job of its own', async () => {
    await accept(...idsOf(4));
    await fixture.engine.failJob(takeJob(), 'it stalled 3 times');
    await fixture.engine.idle();
    const halves = fixture.queue.takeJobs();
    expect(
      halves.map((job) => job.map(({ participant, items }) => [participant, items.length])).sort(),
    ).toEqual(nodes.flatMap((node) => [[[node, 2]], [[node, 2]]]));
    await fixture.runJobs(halves);
    expect(await countStatuses(fixture)).toEqual({ completed: 4 });
  });

  test('of which one participant cannot handle its part: only that part comes back in halves', async () => {
    await accept('a', 'b');
    const broken: Participant = { run: () => Promise.reject(new Error('too much')) };
    const engine = fixture.startEngine({ participants: fixture.participants({ n2: broken }) });
    expect(await engine.runJob(takeJob())).toBe(
      'n1: 2 applied; n2: not handled: Error: too much; n3: 2 applied',
    );
    await engine.idle();
    expect(
      fixture.queue.entries().map(({ participant, items }) => [participant, items.length]),
    ).toEqual([
      ['n2', 1],
      ['n2', 1],
    ]);
  });

  test('ends without a participant that hangs, whose part goes on: its own job here makes no second call', async () => {
    let calls = 0;
    let answer = (): void => {};
    const answers = new Promise<void>((resolve) => (answer = resolve));
    const hanging: Participant = {
      async run(kind, commands) {
        calls++;
        await answers;
        return fixture.stores[1]!.run(kind, commands);
      },
    };
    fixture.engine = fixture.startEngine({
      participants: fixture.participants({ n2: hanging }),
    });
    await accept('a');
    expect(await fixture.engine.runJob(takeJob())).toBe(
      'n1: 1 applied; n2: goes on in its own queue; n3: 1 applied',
    );
    expect(await readAttempts()).toMatchObject({ n1: ['action 1 applied'], n2: [] });
    // What comes to it now leaves at once.
    await fixture.engine.accept(fixture.request(['b']));
    await waitFor('its job', () => fixture.queue.jobs.size === 2);
    const [own, next] = fixture.queue.takeJobs();
    expect(own!.map(({ participant }) => participant)).toEqual(['n2']);
    const running = fixture.engine.runJob(own!);
    await fixture.engine.runJob(next!);
    answer();
    expect(await running).toBe('n2: 1 applied');
    expect(calls).toBe(1);
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 2 });
  });

  test('of which one part is left is not begun on a participant that is paused either', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    await accept('a');
    const job = takeJob();
    await run(job.filter(({ participant }) => participant !== 'n2'));
    await fixture.engine.pause('n2', { by: 'ann', note: null });
    fixture.nowMs += 2_000;
    const gone = 'no longer owed: its row is gone';
    expect(await fixture.engine.runJob(job)).toBe(
      `n1: ${gone}; n2: goes on in its own queue; n3: ${gone}`,
    );
    expect(fixture.stores[1]!.changes).toEqual([]);
    await fixture.engine.resume('n2');
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 1 });
  });

  test('is not begun on a participant that is paused: its part waits in its own queue until it is resumed', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    await accept('a');
    await fixture.engine.pause('n2', { by: 'ann', note: null });
    await drain();
    expect(await readAttempts()).toMatchObject({ n1: ['action 1 applied'], n2: [] });
    expect(fixture.queue.entries().map(({ participant }) => participant)).toEqual(['n2']);
    await fixture.engine.resume('n2');
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 1 });
  });

  test('is not begun on a participant that is paused where the queue has lost its pauses: its part waits for recovery', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    await accept('a');
    await fixture.engine.pause('n2', { by: 'ann', note: null });
    const job = takeJob();
    fixture.queue.wipe();
    await fixture.engine.runJob(job);
    expect(await readAttempts()).toMatchObject({ n1: ['action 1 applied'], n2: [] });
    expect(fixture.queue.entries()).toEqual([]);
    expect(fixture.stores[1]!.changes).toEqual([]);
    await createRecovery({
      log: fixture.log,
      queue: fixture.queue,
      holder: 'one',
      intervalMs: 5_000,
    })();
    expect([...fixture.queue.paused]).toEqual(['n2']);
    expect(fixture.queue.entries().map(({ participant }) => participant)).toEqual(['n2']);
    await fixture.engine.resume('n2');
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 1 });
  });
});

describe('which entries share a job', () => {
  const randomness = { random: () => 0.5, id: randomUUID };
  const dispatchTo = (participant: string, sagas: number[], backoffMs = 0): Dispatch => ({
    head: { participant, kind: 'create', step: participant, phase: 'action', attempt: 1 },
    backoffMs,
    items: sagas.map((id): CommandItem => [id, `k${id}`, 1, null]),
  });
  /** Participants by job. */
  const jobsOf = (dispatches: Dispatch[]): string[] =>
    groupIntoJobs(groupIntoEntries(dispatches, 0, randomness)).map((job) =>
      job.map(({ participant, items }) => `${participant}:${items.length}`).join(' '),
    );

  test('those of the same sagas in the same order, due at the same time', () => {
    expect(jobsOf([dispatchTo('n1', [1, 2]), dispatchTo('n2', [1, 2])])).toEqual(['n1:2 n2:2']);
    for (const other of [
      dispatchTo('n2', [1]),
      dispatchTo('n2', [2, 1]),
      dispatchTo('n2', [1, 3]),
      dispatchTo('n2', [1, 2], 20),
    ])
      expect(jobsOf([dispatchTo('n1', [1, 2]), other])).toHaveLength(2);
  });

  test('a large batch is several jobs, each with a part for every participant', () => {
    const sagas = Array.from({ length: 1_200 }, (_, n) => n + 1);
    expect(jobsOf(nodes.map((node) => dispatchTo(node, sagas)))).toEqual([
      'n1:500 n2:500 n3:500',
      'n1:500 n2:500 n3:500',
      'n1:200 n2:200 n3:200',
    ]);
  });

  test('its id is the first one’s; one alone has none, and no half has', () => {
    const [one, other, alone] = groupIntoEntries(
      [dispatchTo('n1', [1, 2]), dispatchTo('n2', [1, 2]), dispatchTo('n1', [3], 20)],
      0,
      randomness,
    );
    expect([one!.job, other!.job]).toEqual([one!.id, one!.id]);
    expect(alone).not.toHaveProperty('job');
    for (const half of splitEntry(other!, 0, randomness)) expect(half).not.toHaveProperty('job');
  });
});
