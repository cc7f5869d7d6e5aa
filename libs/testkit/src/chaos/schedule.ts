import { proxyFaultNames, type ProxyFault } from '../proxy/index.ts';
import { createRandom, type Random } from '../random.ts';

/** What befalls processes: killed with -9, or stopped (SIGSTOP) and continued later. */
export const processMoves = [
  'kill worker',
  'pause worker',
  'kill orchestrator',
  'pause orchestrator',
  'kill node-api',
  'pause node-api',
  'restart postgres',
  'freeze postgres',
  'freeze redis',
  'kill redis',
  'flush redis',
  'wipe redis',
] as const;
/** What befalls the nodes' answers, and the way to them. */
export const nodeMoves = [
  'node error',
  'node lostReply',
  'node delay',
  'node reset',
  'node down',
] as const;
export const proxyMoves = proxyFaultNames.map((name) => `proxy ${name}` as const);

export type MoveKind =
  (typeof processMoves)[number] | (typeof nodeMoves)[number] | `proxy ${ProxyFault}`;

/** One thing that the nemesis does. */
export interface Move {
  /** Since the load began. */
  atMs: number;
  kind: MoveKind;
  /** The process or the node. */
  target: string;
  /** How long it lasts; 0: it is over at once. */
  forMs: number;
  /** A probability, or of "node delay" the milliseconds. */
  strength: number;
}

export interface ScheduleOptions {
  seed: number;
  seconds: number;
  workers: string[];
  nodes: readonly string[];
  /** A paused worker sleeps longer than that, in milliseconds. */
  lockMs: number;
}

/** Milliseconds between two moves of a track, from and to. */
const processGapMs = [1_300, 2_700] as const;
const networkGapMs = [900, 2_000] as const;
/** The first move finds some sagas under way. */
const firstMs = 1_000;

/**
 * All that the nemesis will do, drawn before the run begins: the same seed and seconds, the same moves. Two tracks at once,
 * processes and network; each deals its kinds like cards, so that a run of a minute meets all of them. What begins within the
 * time may end some seconds after it.
 */
export function drawSchedule(options: ScheduleOptions): Move[] {
  const { seed, seconds } = options;
  const untilMs = seconds * 1_000;
  const track = (
    name: string,
    kinds: readonly MoveKind[],
    [from, to]: readonly [number, number],
  ): Move[] => {
    const random = createRandom(seed, name);
    const moves: Move[] = [];
    let cards: MoveKind[] = [];
    for (let atMs = firstMs; atMs < untilMs; atMs += random.between(from, to)) {
      if (cards.length === 0) cards = random.shuffle(kinds);
      moves.push(drawMove(random, cards.pop()!, atMs, options));
    }
    return moves;
  };
  return [
    ...track('processes', processMoves, processGapMs),
    ...track('network', [...nodeMoves, ...proxyMoves], networkGapMs),
  ].sort((a, b) => a.atMs - b.atMs);
}

function drawMove(
  random: Random,
  kind: MoveKind,
  atMs: number,
  { workers, nodes, lockMs }: ScheduleOptions,
): Move {
  const [verb, object = ''] = kind.split(' ');
  const target =
    object === 'worker'
      ? random.pick(workers)
      : verb === 'node'
        ? random.pick(nodes)
        : verb === 'proxy'
          ? 'proxy'
          : object;
  const lasting = verb === 'node' || verb === 'proxy' ? random.between(1_500, 4_000) : 0;
  const paused = verb === 'pause' || verb === 'freeze' ? lockMs + random.between(300, 2_500) : 0;
  const probability = random.between(10, 60) / 100;
  const strength = kind === 'node delay' ? random.between(200, 1_500) : probability;
  return { atMs, kind, target, forMs: lasting + paused, strength };
}

/** One line for people. */
export function describeMove({ atMs, kind, target, forMs, strength }: Move): string {
  const [verb] = kind.split(' ');
  const what =
    verb === 'kill' || verb === 'pause'
      ? `${verb} ${target}`
      : verb === 'node'
        ? `${kind.replace('node', target)} ${kind === 'node down' ? '' : strength}`.trimEnd()
        : verb === 'proxy'
          ? `${kind} ${strength}`
          : kind;
  const lasts = forMs > 0 ? ` for ${(forMs / 1_000).toFixed(1)} s` : '';
  return `${(atMs / 1_000).toFixed(1).padStart(6)} s  ${what}${lasts}`;
}
