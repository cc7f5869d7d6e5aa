import { describe, expect, test } from '@jest/globals';
import type { RequestRecord } from '../../src/chaos/client.ts';
import { createJournal } from '../../src/chaos/journal.ts';
import type { ChaosResult } from '../../src/chaos/run.ts';
import type { SagaState } from '../../src/chaos/state.ts';
import { judge } from '../../src/chaos/verdict.ts';

const saga = (id: number, status: string): SagaState => ({
  id,
  batchId: 'b',
  name: 'create-group',
  key: 'group:1',
  groupId: '1',
  status,
  fence: id,
  acceptedAt: new Date(0),
  startedAt: new Date(0),
  endedAt: new Date(1),
  steps: [],
});

/** A run in which everything was as it should be, apart from what is given. */
const result = (changes: Partial<ChaosResult> = {}): ChaosResult => ({
  schedule: [{ atMs: 0, kind: 'kill worker', target: 'worker-1', forMs: 0, strength: 0 }],
  hits: new Map([['kill worker', 1]]),
  restarts: new Map(),
  record: [],
  state: {
    sagas: [saga(1, 'completed'), saga(2, 'compensated')],
    requests: [],
    lanes: [],
    outbox: [],
    nodes: {},
  },
  findings: [],
  healedAt: 0,
  ended: true,
  journal: createJournal(),
  ...changes,
});

describe('a run', () => {
  test('passes when nothing is wrong', () => {
    expect(judge(result())).toEqual([]);
  });

  test('fails when not all sagas ended in time', () => {
    expect(judge(result({ ended: false }))).toEqual([
      'P7 not all sagas ended within 60 s of healing',
    ]);
  });

  test('fails when too few sagas completed: nothing was proved', () => {
    const sagas = [saga(1, 'completed'), ...[2, 3, 4].map((id) => saga(id, 'compensated'))];
    expect(judge(result({ state: { ...result().state, sagas } }))).toEqual([
      'too few sagas completed: 1 of 4',
    ]);
    expect(judge(result({ state: { ...result().state, sagas: [] } }))).toEqual([
      'too few sagas completed: 0 of 0',
    ]);
  });

  test('fails when a fault that was planned never hit', () => {
    expect(judge(result({ hits: new Map() }))).toEqual(['"kill worker" was planned and never hit']);
  });

  test('fails on a finding, and on a process that says a promise is in danger', () => {
    const findings = [{ promise: 'P1' as const, text: 'g1 on node01: is there' }];
    expect(judge(result({ findings }))).toEqual(['P1 g1 on node01: is there']);
    const journal = createJournal();
    journal.write('worker-1', '{"msg":"broken invariant: a command whose row stands is stale"}');
    expect(judge(result({ journal }))).toEqual([expect.stringContaining('alarm: worker-1')]);
  });

  test('fails when a client that asked again and again was not accepted after healing', () => {
    const record: RequestRecord = {
      atMs: 0,
      form: 'single',
      saga: 'create-group',
      groupIds: ['1'],
      idempotencyKey: 'k',
      repeats: 'until answered',
      sent: 3,
      batchIds: [],
      sagaIds: [],
      silences: ['503 POSTGRES_AWAY'],
      refusals: [],
    };
    expect(judge(result({ record: [record] }))).toEqual([
      'P7 k was not accepted after healing: 503 POSTGRES_AWAY',
    ]);
    expect(judge(result({ record: [{ ...record, repeats: 'never' }] }))).toEqual([]);
  });
});
