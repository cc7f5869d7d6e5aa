import type { Look } from './watch.ts';

export interface Observed {
  /** MAX_ACTIVE_SAGAS. */
  bound: number;
  /** Of the time in which more was offered than can be done. */
  looks: Look[];
  refusedSagas: number;
  /** Null: it did not drain in time. */
  drainSeconds: number | null;
  /** Accepted sagas that did not complete. */
  notCompleted: number;
}

/** No process of ours may come to it, however much is offered. */
const mostMb = 300;
/** Of the second half of the time against the first: what a garbage collector leaves lying about is no growth. */
const growthFactor = 1.25;
const growthMb = 30;

/** What does not hold, a line each. */
export function judgeOverload(observed: Observed): string[] {
  const { bound, looks, refusedSagas, drainSeconds, notCompleted } = observed;
  const violations: string[] = [];
  const most = Math.max(...looks.map(({ active }) => active));
  if (refusedSagas === 0) violations.push('nothing was refused: it was no over-load');
  if (most > bound) violations.push(`${most} sagas were active at once, and the bound is ${bound}`);
  if (drainSeconds === null) violations.push('it did not drain by itself');
  if (notCompleted > 0) violations.push(`${notCompleted} accepted sagas did not complete`);
  const middle = Math.ceil(looks.length / 2);
  for (const name of Object.keys(looks[0]?.ownMb ?? {})) {
    const [first, second] = [looks.slice(0, middle), looks.slice(middle)].map((half) =>
      Math.max(...half.map(({ ownMb }) => ownMb[name]!)),
    ) as [number, number];
    if (second >= mostMb)
      violations.push(`${name} held ${second} MB: it should stay below ${mostMb}`);
    if (second > growthFactor * first + growthMb)
      violations.push(`${name} grew from ${first} to ${second} MB while it was offered too much`);
  }
  return violations;
}
