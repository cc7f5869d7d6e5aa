import { ratioOf, type Report, type Spread } from './report.ts';
import { withBounds } from './table.ts';
import type { Turn } from './turn.ts';

/** What the project has set itself, as a ratio of two contenders of one run. */
interface Target {
  of: string;
  against: string;
  /** Bound of the ratio of their rates, or of their p50. */
  bound: number;
  figure?: 'p50';
  /** Only in a run with errors, or only in one without. Default: without. */
  withErrors?: boolean;
}

const targets: Target[] = [
  { of: 'bulk', against: 'loop', bound: 6 },
  { of: 'bulk', against: 'loop', bound: 6, withErrors: true },
  { of: 'bulk', against: 'bullmq-single', bound: 8 },
  { of: 'bulk', against: 'restate', bound: 20 },
  { of: 'bulk', against: 'bullmq-flow', bound: 20 },
  { of: 'bulk', against: 'dbos', bound: 50 },
  { of: 'bulk', against: 'limit', bound: 0.25 },
  { of: 'bulk-plain', against: 'loop-ky', bound: 0.8 },
  { of: 'single', against: 'loop', bound: 0.8 },
  { of: 'single', against: 'restate', bound: 2.5 },
  { of: 'single', against: 'bullmq-flow', bound: 3 },
  { of: 'single', against: 'dbos', bound: 7 },
  { of: 'one', against: 'loop-one', bound: 4, figure: 'p50' },
  { of: 'delete', against: 'bulk', bound: 0.7 },
  { of: 'two-workers', against: 'bulk', bound: 1 },
  { of: 'delayed-two', against: 'delayed', bound: 1.8 },
];

export interface Verdict extends Target {
  ratio: Spread;
  met: boolean;
}

/** The targets whose two contenders took part. The median decides. */
export function judge({ turns, errors }: Pick<Report, 'turns' | 'errors'>): Verdict[] {
  return targets
    .filter(({ withErrors = false }) => withErrors === errors > 0)
    .flatMap((target) => {
      const figureOf = target.figure === 'p50' ? ({ p50Ms }: Turn) => p50Ms : undefined;
      const ratio = ratioOf(turns, target.of, target.against, figureOf);
      if (!ratio) return [];
      const met =
        target.figure === 'p50' ? ratio.median <= target.bound : ratio.median >= target.bound;
      return [{ ...target, ratio, met }];
    });
}

export function formatTargets(verdicts: Verdict[]): string {
  if (verdicts.length === 0) return '';
  const lines = verdicts.map(({ of, against, bound, figure, ratio, met }) => {
    const what = figure === 'p50' ? `p50 of ${of} / ${against}` : `${of} / ${against}`;
    const wanted = figure === 'p50' ? `at most ${bound} x` : `at least ${bound} x`;
    return `${what.padEnd(30)} ${`${withBounds(ratio, 2)} x`.padEnd(24)} ${wanted.padEnd(16)} ${met ? 'met' : 'missed'}`;
  });
  return ['targets (medians of the ratio within a round)', ...lines, ''].join('\n');
}
