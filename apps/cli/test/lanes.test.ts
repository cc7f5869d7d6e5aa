import { describe, expect, test } from '@jest/globals';
import { UnreachableError, type Client } from '@reliable-ops/client';
import { waitFor } from '@reliable-ops/testkit';
import { startLaneNotice } from '../src/lanes.ts';
import { sagaOf } from './fake-orchestrator.ts';

const { steps: _steps, fence: _fence, deadlineAt: _at, history: _history, ...summary } = sagaOf({});
const stuck = { ...summary, id: '1', status: 'compensating' as const, stuck: true, endedAt: null };
const queued = { ...summary, id: '2', status: 'queued' as const, batchId: 'b', endedAt: null };

const totals = {
  total: 3,
  queued: 1,
  running: 0,
  compensating: 0,
  completed: 2,
  compensated: 0,
  cancelled: 0,
  resolved: 0,
  stuck: 0,
};

/** A notice that has seen sagas stand still for long enough to ask `listSagas`. */
function startAsking(listSagas: Client['listSagas']) {
  const said: string[] = [];
  const notice = startLaneNotice(
    { listSagas } as Client,
    (line) => said.push(line),
    () => ['b'],
  );
  for (let round = 0; round < 6; round++) notice.look(totals);
  return { notice, said };
}

const answer: Client['listSagas'] = async ({ status }) => ({
  sagas: status === 'queued' ? [queued] : [stuck],
  cursor: null,
});

describe('who waits behind a stuck saga', () => {
  test('is told once, with the command to look', async () => {
    const { notice, said } = startAsking(answer);
    await waitFor('the notice', () => said.length > 0);
    for (let round = 0; round < 20; round++) notice.look(totals);
    expect(said).toEqual([expect.stringMatching(/^1 saga waits behind .*rops list --stuck/)]);
  });

  test('is not told while something of it moves', async () => {
    const said: string[] = [];
    const asked: unknown[] = [];
    const listSagas = async (query: object) => (asked.push(query), { sagas: [], cursor: null });
    const notice = startLaneNotice(
      { listSagas } as unknown as Client,
      (line) => said.push(line),
      () => ['b'],
    );
    for (let round = 0; round < 20; round++)
      notice.look({ ...totals, total: 100 + round, completed: 99 + round });
    expect(asked).toEqual([]);
  });

  test('an answer that comes after the result is not told', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const asked: Promise<unknown>[] = [];
    const { notice, said } = startAsking((query) => {
      const late = held.then(() => answer(query));
      asked.push(late);
      return late;
    });
    notice.stop();
    release();
    await Promise.all(asked);
    await new Promise(setImmediate);
    expect(said).toEqual([]);
  });

  test('an orchestrator that is away is no word of it; a bug is thrown at the next look', async () => {
    const away = startAsking(() => Promise.reject(new UnreachableError('away')));
    const broken = startAsking(() => Promise.reject(new TypeError('ours')));
    await new Promise(setImmediate);
    expect(() => away.notice.look(totals)).not.toThrow();
    expect(() => broken.notice.look(totals)).toThrow('ours');
  });
});
