import { describe, expect, test } from '@jest/globals';
import { waitFor } from '@reliable-ops/testkit';
import { ann, deadlineMs, useOperatedEngine } from './operate-fixture.ts';

const fixture = useOperatedEngine();
const { accept, run, drain, runDue, getSaga, getStatuses } = fixture;

describe('pause', () => {
  test('a running saga gets back the time that it could not use; one accepted meanwhile the time since; others none', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    const [before, turned] = await accept('a', 'b');
    await fixture.engine.cancel([turned!], ann);
    fixture.nowMs += 1_000;
    const pausedAt = fixture.nowMs;
    const { pause } = await fixture.engine.pause('n2', ann);
    expect(pause).toEqual({ participant: 'n2', ...ann, pausedAt });
    fixture.nowMs += 5_000;
    const [during] = await accept('c');
    fixture.nowMs += deadlineMs;
    const [deadlineOfTurned] = (await fixture.log.getSagas([turned!])).map((one) => one.deadlineAt);
    expect((await fixture.engine.resume('n2')).pause?.pausedAt).toBe(pausedAt);
    const left = async (id: number) => (await getSaga(id)).deadlineAt! - fixture.nowMs;
    expect(await left(before!)).toBe(deadlineMs - 1_000);
    expect(await left(during!)).toBe(deadlineMs);
    expect((await getSaga(turned!)).deadlineAt).toBe(deadlineOfTurned);
    expect(await fixture.log.readPauses()).toEqual([]);
    // What fails now is tried again, not taken back.
    fixture.stores[1]!.fault = () => 'error';
    await runDue();
    fixture.stores[1]!.fault = () => 'none';
    await drain();
    expect(await getStatuses(before!, during!)).toEqual(['completed', 'completed']);
  });

  test('a saga that waits for another participant gets nothing back', async () => {
    const [id] = await accept('a');
    await run(fixture.queue.take().filter(({ participant }) => participant === 'n2'));
    const { deadlineAt } = await getSaga(id!);
    await fixture.engine.pause('n2', ann);
    fixture.nowMs += 9_000;
    await fixture.engine.resume('n2');
    expect((await getSaga(id!)).deadlineAt).toBe(deadlineAt);
  });

  test('said twice it is one, the first; a resume of what is not paused does nothing', async () => {
    const first = await fixture.engine.pause('n2', ann);
    fixture.nowMs += 1_000;
    expect(await fixture.engine.pause('n2', { by: 'bob', note: 'me too' })).toEqual(first);
    expect([...fixture.queue.paused]).toEqual(['n2']);
    expect((await fixture.engine.resume('n2')).pause).toEqual(first.pause);
    expect(await fixture.engine.resume('n2')).toEqual({ pause: null, isTold: true });
    expect([...fixture.queue.paused]).toEqual([]);
  });

  test('with the queue away it stands, and recovery tells the queue', async () => {
    fixture.queue.away = true;
    expect((await fixture.engine.pause('n2', ann)).isTold).toBe(false);
    fixture.queue.away = false;
    await fixture.recover();
    expect([...fixture.queue.paused]).toEqual(['n2']);
    fixture.queue.away = true;
    expect((await fixture.engine.resume('n2')).isTold).toBe(false);
    fixture.queue.away = false;
    await fixture.recover();
    expect([...fixture.queue.paused]).toEqual([]);
  });

  test('in a queue that has lost everything nothing is begun on a paused participant, and recovery pauses it before it publishes', async () => {
    await fixture.engine.pause('n2', ann);
    await accept('a');
    fixture.queue.wipe();
    await accept('b');
    for (const job of fixture.queue.takeJobs()) await fixture.engine.runJob(job);
    expect(fixture.stores.map(({ changes }) => changes.length)).toEqual([1, 0, 1]);
    expect(fixture.queue.entries()).toEqual([]);
    const add = fixture.queue.add.bind(fixture.queue);
    const seen: string[][] = [];
    fixture.queue.add = async (entries) => {
      seen.push([...fixture.queue.paused]);
      await add(entries);
    };
    await fixture.recover();
    expect(seen).toEqual([['n2']]);
    await fixture.engine.resume('n2');
    await drain();
    expect((await fixture.log.countActive()).running).toBe(0);
  });

  test('a queue that has lost everything is given no other attempt at a paused participant either, before recovery has paused it', async () => {
    fixture.queue.marker = await fixture.log.incarnation();
    fixture.stores[1]!.fault = () => 'error';
    await accept('a');
    const [job] = fixture.queue.takeJobs();
    await fixture.engine.pause('n2', ann);
    fixture.queue.wipe();
    await run([job!.find(({ participant }) => participant === 'n2')!]);
    expect((await fixture.readOutbox()).map(({ participant }) => participant)).toContain('n2');
    expect(fixture.queue.entries()).toEqual([]);
  });

  test('recovery that looked a moment before a pause does not undo it', async () => {
    const pauseOnly = fixture.queue.pauseOnly.bind(fixture.queue);
    let goOn = (): void => {};
    let isTelling = false;
    // Recovery has read that nothing is paused, and is about to tell the queue.
    fixture.queue.pauseOnly = async (participants) => {
      fixture.queue.pauseOnly = pauseOnly;
      isTelling = true;
      await new Promise<void>((resolve) => (goOn = resolve));
      await pauseOnly(participants);
    };
    const recovering = fixture.recover();
    await waitFor('recovery to tell the queue', () => isTelling);
    let isPaused = false;
    const pausing = fixture.engine.pause('n2', ann).then(() => (isPaused = true));
    await waitFor('the pause to wait, or to be through', async () => {
      const waiting = await fixture.sql`select 1 from pg_locks where not granted`;
      return isPaused || waiting.length > 0;
    });
    goOn();
    await Promise.all([recovering, pausing]);
    expect([...fixture.queue.paused]).toEqual(['n2']);
  });
});
