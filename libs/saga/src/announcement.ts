import { sagaStatuses, type SagaStatus } from '@reliable-ops/contracts';
import type { Cohort } from './record.ts';

/** Sagas that one transaction has changed, and the state that it left them in. */
export interface ChangedSagas {
  status: SagaStatus;
  stuck: boolean;
  ids: number[];
}

export function groupChanged(cohorts: Cohort[]): ChangedSagas[] {
  const groups = new Map<string, ChangedSagas>();
  for (const { state, members } of cohorts) {
    const { status, stuck } = state;
    const name = stuck ? `${status}!` : status;
    const group = groups.get(name) ?? { status, stuck, ids: [] };
    for (const { id } of members) group.ids.push(id);
    groups.set(name, group);
  }
  return [...groups.values()];
}

/** `completed=1-100,105;compensating!=7`: the sagas of a batch are neighbours, so that thousands take some bytes. */
export const writeAnnouncement = (changed: ChangedSagas[]): string =>
  changed
    .map(({ status, stuck, ids }) => `${status}${stuck ? '!' : ''}=${writeRanges(ids)}`)
    .join(';');

/** Ids that one announcement may name: a transaction does not change as many. */
const mostIds = 20_000;

/** What it cannot read (another version's) it leaves out: an announcement is a hint. */
export function readAnnouncement(text: string): ChangedSagas[] {
  return text.split(';').flatMap((part) => {
    const [name = '', ranges = ''] = part.split('=');
    const stuck = name.endsWith('!');
    const status = sagaStatuses.find((known) => known === (stuck ? name.slice(0, -1) : name));
    const ids = readRanges(ranges);
    return status === undefined || ids.length === 0 ? [] : [{ status, stuck, ids }];
  });
}

function writeRanges(ids: number[]): string {
  const sorted = ids.toSorted((one, other) => one - other);
  let text = '';
  for (let from = 0; from < sorted.length;) {
    let to = from;
    while (sorted[to + 1] === sorted[to]! + 1) to++;
    text += `${from > 0 ? ',' : ''}${sorted[from]!}${to > from ? `-${sorted[to]!}` : ''}`;
    from = to + 1;
  }
  return text;
}

function readRanges(text: string): number[] {
  const ids: number[] = [];
  for (const range of text.split(',')) {
    const [, first, last = first] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(range) ?? [];
    for (let id = Number(first); id <= Number(last); id++) {
      if (ids.length === mostIds) return ids;
      ids.push(id);
    }
  }
  return ids;
}
