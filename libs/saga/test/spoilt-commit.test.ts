import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineSaga, type Participant, type StepContext } from '../src/index.ts';
import { useEngine } from './engine-fixture.ts';

const create = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [
    ['n1', 'n2'].map((name) => ({
      name,
      participant: name,
      action: 'create',
      compensation: 'undo',
      data: ({ input, phase }: StepContext<{ id: string }>) => {
        if (phase === 'compensation' && input.id === 'bad') throw new Error('a bug of this saga');
        return input;
      },
    })),
  ],
});
const fixture = useEngine({ definitions: [create], policy: { stepAttempts: 1 } });

test('a saga that cannot be committed stands alone in the end, and holds up no other of its batch', async () => {
  const refusing: Participant = {
    run: async (_kind, commands) =>
      commands.map(() => ({ result: 'rejected' as const, error: 'no' })),
  };
  const [, n2] = fixture.stores;
  fixture.engine = fixture.startEngine({
    participants: fixture.participants({
      n2: { run: (kind, commands) => (kind === 'create' ? refusing : n2!).run(kind, commands) },
    }),
  });
  const ids = ['a', 'b', 'bad', 'c', 'd', 'e', 'f', 'g'];
  await fixture.accept(...ids);
  const readStatuses = async () =>
    new Map((await fixture.log.listSagas({ limit: 99 })).map(({ key, status }) => [key, status]));

  for (let turn = 0; turn < 20; turn++)
    for (const job of fixture.queue.takeJobs()) {
      await fixture.engine.runJob(job).catch(() => fixture.queue.add([job]));
      await fixture.engine.idle();
    }
  expect(await readStatuses()).toEqual(
    new Map(ids.toReversed().map((id) => [id, id === 'bad' ? 'running' : 'compensated'])),
  );
  expect(fixture.queue.entries().map(({ items }) => items.length)).toEqual([1]);
  expect(fixture.warned.map(({ message }) => message)).toContain(
    'a batch cannot be committed: it is halved until the saga that spoils it stands alone',
  );
});
