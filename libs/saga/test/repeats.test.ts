import { describe, expect, test } from '@jest/globals';
import { IdempotencyConflictError } from '../src/index.ts';
import { countLeftovers, countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const fixture = useEngine({
  definitions: [defineChange('create', nodes)],
  policy: { stepAttempts: 3 },
});
const { accept, drain, request, run } = fixture;

describe('repeats', () => {
  test('two workers on one job: the second commit finds no row and does nothing', async () => {
    await accept(...idsOf(10));
    const jobs = fixture.queue.take();
    const other = fixture.startEngine();
    await Promise.all(
      jobs.flatMap((job) => [
        fixture.engine.runJob([job]),
        other.runJob([job]),
        fixture.engine.runJob([job]),
      ]),
    );
    await other.idle();
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 10 });
    for (const { changes } of fixture.stores) expect(changes).toHaveLength(10);
    const logs = await fixture.sql<{ n: number }[]>`
      select json_array_length(step -> 'log') as n from saga.sagas, json_array_elements(steps) as step`;
    expect(logs.every(({ n }) => n === 1)).toBe(true);
  });

  test('an entry whose row is gone is not halved a second time', async () => {
    await accept(...idsOf(10));
    const [job] = fixture.queue.take(1);
    await fixture.engine.failJob([job!], 'cannot');
    await fixture.engine.failJob([job!], 'cannot');
    // Two nodes' entries as they were, and two halves.
    expect(await countLeftovers(fixture)).toEqual({ lanes: 10, outbox: 4 });
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 10 });
  });

  test('P3: one Idempotency-Key is one batch, however often and from wherever it comes; another body is refused', async () => {
    const other = fixture.startEngine({ participants: {} });
    const asked = Array.from({ length: 50 }, (_, n) =>
      (n % 2 === 0 ? fixture.engine : other).accept({
        ...request(['x']),
        idempotency: { key: 'same', digest: 'd' },
      }),
    );
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(await fixture.log.sagaIdsOf(answers[0]!.batchId)).toHaveLength(1);
    await expect(
      fixture.engine.accept({ ...request(['x']), idempotency: { key: 'same', digest: 'other' } }),
    ).rejects.toBeInstanceOf(IdempotencyConflictError);
    expect((await fixture.sql`select 1 from saga.sagas`).length).toBe(1);
    await other.idle();
  });

  test('a stale answer to a command whose row stands is said loudly and never counts as done', async () => {
    await accept('x');
    fixture.stores[0]!.rows.set('x', {
      present: false,
      token: [Number.MAX_SAFE_INTEGER, 1],
      outcome: 'nothing',
      before: false,
    });
    await run(fixture.queue.take());
    expect(fixture.reported).toHaveLength(1);
    expect(await countStatuses(fixture)).toEqual({ running: 1 });
  });
});
