import { expect, test } from '@jest/globals';
import { runFuzz } from '../src/fuzz/run.ts';

test('whatever comes: no 5xx, errors in their shape, no process ends, nothing half-written', async () => {
  const { statuses, sagas, findings } = await runFuzz({
    requests: 2_000,
    seed: 1,
    concurrency: 32,
    say: () => {},
  });
  expect(findings).toEqual([]);
  // Enough of everything, or nothing was shown.
  expect(sagas).toBeGreaterThan(200);
  expect([...statuses.keys()]).toEqual(
    expect.arrayContaining([
      ...[200, 202, 400, 403, 404, 405, 415, 422].map((status) => `orchestrator ${status}`),
      ...[200, 201, 400, 404, 405, 406, 413].map((status) => `node-api ${status}`),
    ]),
  );
}, 120_000);
