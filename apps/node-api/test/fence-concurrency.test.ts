import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Operation, OperationResult } from '@reliable-ops/contracts';
import { createDraw } from '@reliable-ops/runtime/seeded-draw';
import { createOperationStore, type OperationStore } from '../src/fenced/operation-store.ts';
import { buildFencedStatement } from '../src/fenced/statement.ts';
import { createPruner, type Pruner } from '../src/prune/pruner.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { applyToReference, newRecord } from './reference-node.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  await cluster.sql`truncate node01.groups, node02.groups, node03.groups`;
  await cluster.sql`update node01.floor set fence = 0`;
});

interface Sent {
  operation: Operation;
  result: OperationResult;
}

/**
 * Operations on few ids, each sent several times, in random order, in batches that overlap and run at once.
 * `pruner`: raises the floor all the while, to what is just coming in, and removes what may leave.
 */
async function bombard(store: OperationStore, seed: number, pruner?: Pruner): Promise<Sent[]> {
  const random = createDraw(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const fences = pruner ? 24 : 8;
  const operations: Operation[] = [];
  for (let id = 0; id < 25; id++) {
    for (let fence = 1; fence <= fences; fence++) {
      const shared = { groupId: `g${id}`, timestamp: fence };
      operations.push({ ...shared, op: pick(2) ? 'create' : 'delete', token: [fence, 0] });
      if (pick(2)) operations.push({ ...shared, op: 'undo', token: [fence, 1] });
    }
  }
  // Nearly in order, so that many are applied and many are late.
  const copies = operations
    .flatMap((operation) => Array.from({ length: 4 }, () => operation))
    .map((operation) => ({
      operation,
      at: operation.token[0] + random() * (pruner && pick(4) === 0 ? 8 : 3),
    }))
    .sort((one, other) => one.at - other.at)
    .map(({ operation }) => operation);
  const batches: Operation[][] = [];
  while (copies.length > 0) batches.push(copies.splice(0, 1 + pick(40)));

  const sent: Sent[] = [];
  pruned = 0;
  let newest = 0;
  let round = Promise.resolve();
  const runBatches = async (): Promise<void> => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      newest = Math.max(newest, batch[0]!.token[0]);
      if (pick(2)) await round; // so that there are rounds enough, however fast the batches are
      const results = await store.apply('node01', batch);
      for (const [index, operation] of batch.entries())
        sent.push({ operation, result: results[index] as OperationResult });
    }
  };
  /** The same floor until it is done: it has to wait for the batches that began before it. */
  const pruneTo = async (by: Pruner, floor: number): Promise<void> => {
    for (;;) {
      const { removed, cleared, isDone } = await by.prune('node01', { floor, after: null });
      pruned += removed + cleared;
      if (isDone) return;
    }
  };
  const prune = async (by: Pruner): Promise<void> => {
    for (; batches.length > 0; await round) round = pruneTo(by, Math.max(0, newest - pick(3)));
  };
  await Promise.all([...Array.from({ length: 8 }, runBatches), pruner && prune(pruner)]);
  return sent;
}
/** Records that `bombard` has seen leave, or lose their token. */
let pruned = 0;

/**
 * What an observer can hold against the node. Tokens take effect in rising order or not at all, so the reference,
 * given those that were answered with an outcome, must come to the same outcomes and the same record. A record that has
 * left is one that is absent; its version begins anew.
 */
async function findViolations(sent: Sent[]): Promise<string[]> {
  const violations: string[] = [];
  const applied = new Map<string, Map<string, Sent[]>>();
  for (const one of sent) {
    if (one.result.status !== 200) continue;
    const { groupId, token } = one.operation;
    const byToken = applied.get(groupId) ?? new Map<string, Sent[]>();
    byToken.set(token.join(), [...(byToken.get(token.join()) ?? []), one]);
    applied.set(groupId, byToken);
  }
  const rows = await cluster.sql<
    { group_id: string; present: boolean; timestamp: number | null; version: number }[]
  >`select group_id, present, timestamp, version from node01.groups`;
  const left = [...applied.keys()].filter((id) => !rows.some(({ group_id }) => group_id === id));
  const absent = { present: false, timestamp: null, version: 0 };
  for (const row of [...rows, ...left.map((id) => ({ group_id: id, ...absent }))]) {
    const record = newRecord();
    const inOrder = [...(applied.get(row.group_id)?.values() ?? [])].sort(
      (one, other) => rankOf(one) - rankOf(other),
    );
    for (const answers of inOrder) {
      const { operation } = answers[0] as Sent;
      const expected = applyToReference(record, operation);
      for (const { result } of answers)
        if (!('outcome' in result) || result.outcome !== expected)
          violations.push(
            `${row.group_id} [${operation.token.join()}]: ${JSON.stringify(result)}, not ${expected}`,
          );
    }
    const { present, timestamp, version } = record;
    const isSameVersion = pruned > 0 || row.version === version;
    if (row.present !== present || row.timestamp !== timestamp || !isSameVersion)
      violations.push(`${row.group_id} is ${JSON.stringify(row)}, not ${JSON.stringify(record)}`);
  }
  return violations;
}

function rankOf([first]: Sent[]): number {
  const [fence, phase] = (first as Sent).operation.token;
  return 2 * fence + phase;
}

describe('overlapping batches at once, repeated and out of order', () => {
  test.each([1, 2, 3])(
    'each token has one outcome and took effect once (seed %d)',
    async (seed) => {
      const sent = await bombard(createOperationStore(cluster.sql), seed);
      expect(await findViolations(sent)).toEqual([]);
      const stale = sent.filter(({ result }) => result.status === 409).length;
      // Enough of both, or nothing was shown.
      expect(stale).toBeGreaterThan(100);
      expect(sent.length - stale).toBeGreaterThan(100);
    },
  );

  test('a broken twin without the fence is seen', async () => {
    const store = createOperationStore(cluster.sql, (...tables) =>
      buildFencedStatement(...tables).replace(
        '(excluded.fence, excluded.phase) <= (held.fence, held.phase)',
        'false',
      ),
    );
    expect(await findViolations(await bombard(store, 1))).not.toEqual([]);
  });
});

describe('P5: the same while the floor rises and records leave', () => {
  test.each([1, 2, 3])(
    'no token takes effect after its record has left (seed %d)',
    async (seed) => {
      const sent = await bombard(
        createOperationStore(cluster.sql),
        seed,
        createPruner(cluster.sql),
      );
      expect(await findViolations(sent)).toEqual([]);
      const belowFloor = sent.filter(({ result }) =>
        JSON.stringify(result).includes('floor'),
      ).length;
      // Enough of both, or nothing was shown.
      expect(belowFloor).toBeGreaterThan(10);
      expect(pruned).toBeGreaterThan(10);
    },
  );

  test('a broken twin whose statement does not look at the floor is seen', async () => {
    const store = createOperationStore(cluster.sql, (...tables) =>
      buildFencedStatement(...tables).replace(/WHERE fence > .*/, ''),
    );
    const sent = await bombard(store, 1, createPruner(cluster.sql));
    expect(await findViolations(sent)).not.toEqual([]);
  });
});

test('large batches of the same ids in opposite orders do not wait for each other for ever', async () => {
  const store = createOperationStore(cluster.sql);
  const ids = Array.from({ length: 500 }, (_, index) => `g${index}`);
  const batchOf = (fence: number): Operation[] =>
    (fence % 2 ? ids : ids.toReversed()).map((groupId) => ({
      op: fence % 4 < 2 ? 'create' : 'delete',
      groupId,
      timestamp: fence,
      token: [fence, 0],
    }));
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) => store.apply('node01', batchOf(index + 1))),
  );
  expect(all.flat().every(({ status }) => status === 200 || status === 409)).toBe(true);
  const rows = await cluster.sql`select distinct fence from node01.groups`;
  expect(rows).toEqual([{ fence: 20 }]);
});
