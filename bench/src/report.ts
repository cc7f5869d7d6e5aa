import type { Contender } from './contenders.ts';
import type { Turn } from './turn.ts';

/** Of several rounds. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

export interface ContenderReport {
  name: string;
  says: string;
  sagas: number;
  sagasPerSecond: Spread;
  /** Of the rates within one round, since the machine drifts between them; null where loop took no part. */
  ratioToLoop: Spread | null;
  p50Ms: Spread | null;
  p99Ms: Spread | null;
  cpuMsPerSaga: Record<string, Spread>;
  cpuMsPerSagaTotal: Spread;
  peakMb: Record<string, number>;
}

export interface Report {
  at: string;
  node: string;
  cores: number;
  cpu: string;
  errors: number;
  load: number;
  contenders: ContenderReport[];
  /** As measured, by round. */
  turns: Turn[][];
}

function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** The ratios of two contenders' figures within each round. Null where one of them took no part, or has no such figure. */
export function ratioOf(
  turns: Turn[][],
  one: string,
  other: string,
  figureOf: (turn: Turn) => number | null = ({ sagasPerSecond }) => sagasPerSecond,
): Spread | null {
  const ratios = turns.flatMap((round) => {
    const [a, b] = [one, other].map((name) => {
      const turn = round.find(({ contender }) => contender === name);
      return turn ? figureOf(turn) : null;
    });
    return a == null || !b ? [] : [a / b];
  });
  return ratios.length > 0 ? spreadOf(ratios) : null;
}

export function summarise(chosen: Contender[], turns: Turn[][]): ContenderReport[] {
  return chosen.map(({ name, says }) => {
    const own = turns.flatMap((round) => round.filter(({ contender }) => contender === name));
    const first = own[0]!;
    const spread = (figureOf: (turn: Turn) => number | null): Spread | null => {
      const figures = own.map(figureOf).filter((figure) => figure !== null);
      return figures.length > 0 ? spreadOf(figures) : null;
    };
    const parts = Object.keys(first.cpuMsPerSaga);
    const total = ({ cpuMsPerSaga }: Turn): number =>
      Object.values(cpuMsPerSaga).reduce((sum, ms) => sum + ms, 0);
    return {
      name,
      says,
      sagas: first.sagas,
      sagasPerSecond: spreadOf(own.map(({ sagasPerSecond }) => sagasPerSecond)),
      ratioToLoop: ratioOf(turns, name, 'loop'),
      p50Ms: spread(({ p50Ms }) => p50Ms),
      p99Ms: spread(({ p99Ms }) => p99Ms),
      cpuMsPerSaga: Object.fromEntries(
        parts.map((part) => [part, spreadOf(own.map(({ cpuMsPerSaga }) => cpuMsPerSaga[part]!))]),
      ),
      cpuMsPerSagaTotal: spreadOf(own.map(total)),
      peakMb: Object.fromEntries(
        parts.map((part) => [part, Math.max(...own.map(({ peakMb }) => peakMb[part]!))]),
      ),
    };
  });
}
