import { expect, test } from '@jest/globals';
import { waitFor } from '@reliable-ops/testkit';
import { z } from 'zod';
import { defineSaga, type Engine, type Participant, type StepContext } from '../src/index.ts';
import { countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';

const nodes = ['n1', 'n2', 'n3'];
const create = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [
    nodes.map((name) => ({
      name,
      participant: name,
      action: 'create',
      compensation: 'undo',
      data: ({ input: { id }, phase }: StepContext<{ id: string }>) => {
        if (phase === 'compensation' && id === 'bad') throw new Error('a bug of this saga');
        return { id, at: name };
      },
    })),
  ],
});
const fixture = useEngine({
  definitions: [create],
  policy: { stepAttempts: 1 },
  clockStands: true,
});

/** A process on the same log and queue; `tookMs`: how long its calls take, by the engine's clock. */
function startProcess(tookMs: number, replaced: Record<string, Participant> = {}): Engine {
  const slow = Object.entries(fixture.participants(replaced)).map(([name, participant]) => {
    const run: Participant['run'] = (kind, commands) => {
      fixture.nowMs += tookMs;
      return participant.run(kind, commands);
    };
    return [name, { run }] as const;
  });
  return fixture.startEngine({ participants: Object.fromEntries(slow) });
}
/** Whoever has taken so long waits for the others until they are there. */
const longMs = 10_000;
const refusing: Participant = {
  run: async (_kind, commands) => commands.map(() => ({ result: 'rejected', error: 'no' })),
};

test('outcomes that three processes bring are committed in one transaction', async () => {
  await fixture.accept('a', 'b', 'c');
  const jobs = fixture.queue.take();
  const runs = jobs.map((job) => startProcess(longMs).runEntry(job));
  expect(await Promise.all(runs)).toEqual(['3 applied', '3 applied', '3 applied']);
  expect(await countStatuses(fixture)).toEqual({ completed: 3 });
  const times = await fixture.sql`select distinct ended_at from saga.sagas`;
  expect(times).toHaveLength(1);
});

test('one that cannot be committed is not halved by who has borrowed it: its step would get the data of another', async () => {
  await fixture.accept('a', 'b', 'bad', 'c');
  const jobs = fixture.queue.take();
  const [one, other, last] = nodes.map((node) =>
    jobs.find(({ participant }) => participant === node)!,
  );
  // Alone: it is applied, and has to be taken back.
  await startProcess(0).runEntry(one!);
  const lends = startProcess(longMs, { n2: refusing }).runEntry(other!);
  await waitFor('it to be handed over', () => fixture.queue.isTaken(other!).then((is) => !is));
  await startProcess(0, { n3: refusing })
    .runEntry(last!)
    .catch(() => {});
  await lends;
  const readRows = () =>
    fixture.log.readEntries({
      dueBefore: Number.MAX_SAFE_INTEGER / 2 ** 10,
      after: undefined,
      limit: 99,
    });
  for (let turn = 0; turn < 12; turn++) {
    const rows = await readRows();
    for (const { participant, items } of rows)
      for (const [, , , data] of items) expect(data).toMatchObject({ at: participant });
    for (const row of rows)
      await startProcess(0, { n2: refusing, n3: refusing })
        .runEntry(row)
        .catch(() => {});
  }
  expect(await countStatuses(fixture)).toMatchObject({ compensated: 3 });
});
