import { expect, test } from '@jest/globals';
import { createPostgresMaintenance, measureLog } from '../src/index.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const nodes = ['n1', 'n2'];
const deadlineMs = 60_000;
const graceMs = 15_000;
const fixture = useEngine({
  definitions: [defineChange('create', nodes)],
  policy: { stepAttempts: 1, stuckAfter: 1, deadlineMs },
  clockStands: true,
});
const { accept, run } = fixture;

const measure = () => measureLog(fixture.sql, graceMs);

test('an empty log measures nothing', async () => {
  expect(await measure()).toMatchObject({
    queued: 0,
    running: 0,
    compensating: 0,
    stuck: 0,
    pastDeadline: 0,
    oldestActiveMs: 0,
    lanesWaiting: 0,
    outbox: [],
    paused: [],
    maintenanceAgeMs: null,
  });
});

test('sagas by state, the lanes that wait, and what is owed to each node', async () => {
  await accept('a', 'a', 'a', 'b', 'b', 'c');
  expect(await measure()).toMatchObject({ queued: 3, running: 3, lanesWaiting: 2 });
  expect(
    (await measure()).outbox.sort((one, other) => (one.participant < other.participant ? -1 : 1)),
  ).toEqual(
    nodes.map((participant) => ({
      participant,
      rows: 1,
      overdue: 0,
      oldestOverdueMs: expect.any(Number),
    })),
  );
  fixture.stores[1]!.fault = () => 'error';
  for (let turn = 0; turn < 3; turn++) await run(fixture.queue.take());
  expect(await measure()).toMatchObject({ queued: 3, running: 0, compensating: 3, stuck: 3 });
});

test('a saga past its deadline, its age, and a job that is overdue', async () => {
  fixture.nowMs -= deadlineMs + 5_000;
  await accept('a');
  const measured = await measure();
  expect(measured).toMatchObject({ running: 1, pastDeadline: 1 });
  expect(measured.oldestActiveMs).toBeGreaterThanOrEqual(deadlineMs + 5_000);
  for (const { rows, overdue, oldestOverdueMs } of measured.outbox) {
    expect([rows, overdue]).toEqual([1, 1]);
    expect(oldestOverdueMs).toBeGreaterThanOrEqual(deadlineMs + 5_000);
  }
});

test('a completed saga is not looked at', async () => {
  await accept('a');
  await run(fixture.queue.take());
  expect(await measure()).toMatchObject({ running: 0, pastDeadline: 0, outbox: [] });
});

test('who is paused', async () => {
  await fixture.engine.pause('n2', { by: 'ann@desk', note: null });
  expect((await measure()).paused).toEqual(['n2']);
});

test('recovery lapses from the end of its lease on, and before anybody has held it from the making of the log on', async () => {
  expect((await measure()).recoveryLapsedMs).toBeGreaterThan(0);
  await fixture.recover();
  expect((await measure()).recoveryLapsedMs).toBe(0);
  await fixture.recover({ clock: () => Date.now() - 100_000 });
  // Three intervals after that pass.
  expect((await measure()).recoveryLapsedMs).toBeGreaterThanOrEqual(85_000);
});

test('the age of the last maintenance pass', async () => {
  await createPostgresMaintenance(fixture.sql).takeWatermark();
  expect((await measure()).maintenanceAgeMs).toBeGreaterThanOrEqual(0);
});
