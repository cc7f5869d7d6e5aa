import { describe, expect, test } from '@jest/globals';
import type { Command, Outcome, Participant } from '../src/index.ts';
import { countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const fixture = useEngine({
  definitions: [defineChange('create', nodes)],
  policy: { stepAttempts: 3 },
});
const { accept, drain } = fixture;

describe('recovery', () => {
  const intervalMs = 5_000;
  const late = () => Date.now() + intervalMs + 1;

  test('sagas of one batch whose outcomes differ go different ways, in one commit', async () => {
    const spoilt: Record<string, (command: Command) => Outcome> = {
      bad: () => ({ result: 'rejected', error: '404' }),
      lost: (command) => {
        fixture.stores[0]!.one('create', command);
        return { result: 'unknown', error: 'lost reply' };
      },
    };
    const picky: Participant = {
      run: async (kind, commands) =>
        commands.map((command) => {
          const spoil = kind === 'create' ? spoilt[(command.data as { id: string }).id] : undefined;
          // The second attempt of 'lost' is made at once, and gets nothing through: the third is the log's.
          return spoil && command.attempt <= 2
            ? spoil(command)
            : fixture.stores[0]!.one(kind, command);
        }),
    };
    fixture.engine = fixture.startEngine({ participants: fixture.participants({ n1: picky }) });
    await accept('one', 'bad', 'two', 'lost');
    const [of1, ...others] = fixture.queue
      .take()
      .sort((a, b) => a.participant.localeCompare(b.participant));
    await fixture.engine.runJob([of1!]);
    const read = async () =>
      new Map(
        (await fixture.log.listSagas({ limit: 9 })).map(({ key, status, steps: [step], error }) => [
          key,
          [status, step!.state, step!.attempts, step!.uncertain ?? false, error],
        ]),
      );
    expect(await read()).toEqual(
      new Map([
        ['lost', ['running', 'running', 2, true, null]],
        ['two', ['running', 'applied', 1, false, null]],
        ['bad', ['compensating', 'failed', 1, false, 'n1: 404']],
        ['one', ['running', 'applied', 1, false, null]],
      ]),
    );
    await fixture.engine.idle();
    // Only the lost one is tried again; what is taken back waits for its other nodes.
    expect(
      fixture.queue.take().map(({ attempt, items }) => [attempt, items.map(([, key]) => key)]),
    ).toEqual([[3, ['lost']]]);
    for (const entry of others) await fixture.engine.runJob([entry]);
    await fixture.engine.idle();
    fixture.queue.wipe();
    await fixture.recover();
    await drain();
    expect(new Map([...(await read())].map(([key, [status]]) => [key, status]))).toEqual(
      new Map([
        ['lost', 'completed'],
        ['two', 'completed'],
        ['bad', 'compensated'],
        ['one', 'completed'],
      ]),
    );
    for (const store of fixture.stores) expect(store.present()).toEqual(['lost', 'one', 'two']);
  });

  test('P2: a queue that was wiped gets everything back that the outbox owes', async () => {
    await accept(...idsOf(50));
    await fixture.recover();
    fixture.queue.wipe();
    expect(await fixture.recover()).toEqual({ held: true, rebuilt: true, added: 3 });
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 50 });
  });

  test('of a queue that was wiped, what was published since has its job, and gets no second one', async () => {
    await accept('before');
    fixture.queue.wipe();
    await accept('since');
    expect(await fixture.recover()).toEqual({ held: true, rebuilt: true, added: 3 });
    const jobs = [...fixture.queue.jobs.values()].map((job) => job.flatMap(({ items }) => items));
    expect(jobs.map((items) => items.map(([, key]) => key).join(' ')).sort()).toEqual([
      'before',
      'before',
      'before',
      'since since since',
    ]);
    await drain();
    for (const { changes } of fixture.stores) expect(changes).toHaveLength(2);
  });

  test('P2: what was accepted while the queue was away is published later', async () => {
    fixture.queue.away = true;
    await accept(...idsOf(5));
    await expect(fixture.recover()).rejects.toThrow('away');
    fixture.queue.away = false;
    fixture.queue.marker = await fixture.log.incarnation();
    // Not overdue yet: whoever accepted it may still be publishing.
    expect((await fixture.recover()).added).toBe(0);
    expect((await fixture.recover({ clock: late })).added).toBe(3);
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 5 });
  });

  test.each(['incarnation', 'readEntries'] as const)(
    'nothing is published to a paused participant when the queue loses everything while recovery is at %s',
    async (statement) => {
      fixture.queue.marker = await fixture.log.incarnation();
      await fixture.engine.pause('n2', { by: 'ann', note: null });
      await accept(...idsOf(3));
      let wiped = 0;
      const wiping = {
        ...fixture.log,
        [statement]: (...of: never[]) => {
          if (wiped++ === 0) fixture.queue.wipe();
          return (fixture.log[statement] as (...of: never[]) => unknown)(...of);
        },
      };
      expect(await fixture.recover({ log: wiping, clock: late })).toEqual({
        held: true,
        rebuilt: true,
        added: 3,
      });
      expect(
        fixture.queue
          .take()
          .map(({ participant }) => participant)
          .sort(),
      ).toEqual(['n1', 'n3']);
      await fixture.engine.resume('n2');
      expect(fixture.queue.take().map(({ participant }) => participant)).toEqual(['n2']);
    },
  );

  test('a job that ends between the two looks is not taken for lost', async () => {
    await accept('a');
    await fixture.recover();
    const jobs = fixture.queue.take();
    const findMissing = fixture.queue.findMissing.bind(fixture.queue);
    fixture.queue.findMissing = async (entries) => {
      for (const job of jobs) await fixture.engine.runJob([job]);
      return findMissing(entries);
    };
    expect((await fixture.recover({ clock: late })).added).toBe(0);
    expect(await countStatuses(fixture)).toEqual({ completed: 1 });
    expect(fixture.queue.jobs.size).toBe(0);
  });

  test('a finished job that would swallow the new one is withdrawn first', async () => {
    await accept('a');
    fixture.queue.wipe();
    await fixture.recover();
    const finished = new Set(fixture.queue.jobs.values());
    fixture.queue.findMissing = async (entries) => entries;
    expect((await fixture.recover({ clock: late })).added).toBe(3);
    expect([...fixture.queue.jobs.values()].filter((job) => finished.has(job))).toEqual([]);
    expect(fixture.queue.jobs.size).toBe(3);
  });

  test('P2: siblings whose job is lost are added one by one; none whose job is there', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    await accept('lost');
    fixture.queue.takeJobs();
    await accept('there');
    expect((await fixture.recover({ clock: late })).added).toBe(3);
    const sizes = fixture.queue.takeJobs().map((job) => job.length);
    expect(sizes.sort()).toEqual([1, 1, 1, 3]);
  });

  test('one process at a time recovers; another takes over when its lease has run out', async () => {
    expect((await fixture.recover({ holder: 'one' })).held).toBe(true);
    expect((await fixture.recover({ holder: 'two' })).held).toBe(false);
    expect((await fixture.recover({ holder: 'one' })).held).toBe(true);
    expect(
      (await fixture.recover({ holder: 'two', clock: () => Date.now() + 3 * intervalMs + 1 })).held,
    ).toBe(true);
  });
});
