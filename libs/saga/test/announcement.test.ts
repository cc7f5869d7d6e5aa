import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sagaStatuses } from '@reliable-ops/contracts';
import { groupChanged, readAnnouncement, writeAnnouncement } from '../src/announcement.ts';
import type { Cohort, Saga } from '../src/record.ts';

type Changed = Pick<Saga, 'id' | 'status' | 'stuck'>;
/** Each a cohort of its own, as far as an announcement looks at it. */
const cohortsOf = (sagas: Changed[]): Cohort[] =>
  sagas.map(({ id, ...state }) => ({ state, members: [{ id }] }) as Cohort);

const changed = fc.record({
  id: fc.integer({ min: 1, max: 400 }),
  status: fc.constantFrom(...sagaStatuses),
  stuck: fc.boolean(),
});

test('whatever sagas a transaction changes, an announcement names each with its state', () => {
  fc.assert(
    fc.property(fc.uniqueArray(changed, { selector: ({ id }) => id }), (sagas) => {
      const read = readAnnouncement(writeAnnouncement(groupChanged(cohortsOf(sagas))));
      const told = read.flatMap(({ ids, ...rest }) => ids.map((id) => ({ id, ...rest })));
      const byId = (one: { id: number }, other: { id: number }): number => one.id - other.id;
      expect(told.sort(byId)).toEqual(sagas.sort(byId));
    }),
  );
});

test('ten thousand sagas of a batch take some bytes', () => {
  const sagas = Array.from({ length: 10_000 }, (_, n) => ({
    id: 5_000_000 + n,
    status: 'running' as const,
    stuck: false,
  }));
  expect(writeAnnouncement(groupChanged(cohortsOf(sagas)))).toBe('running=5000000-5009999');
});

test('what another version says is left out, and nothing makes it long', () => {
  expect(readAnnouncement('')).toEqual([]);
  expect(readAnnouncement('1,2,3')).toEqual([]);
  expect(readAnnouncement('frozen=1-3;completed=4,x,6-5,7-;queued=;running=8')).toEqual([
    { status: 'completed', stuck: false, ids: [4] },
    { status: 'running', stuck: false, ids: [8] },
  ]);
  expect(readAnnouncement('completed=1-999999999999999')[0]?.ids).toHaveLength(20_000);
});
