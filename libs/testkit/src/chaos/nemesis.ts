import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeFaults } from '@reliable-ops/contracts';
import { Redis } from 'ioredis';
import type { ProxyFault } from '../proxy/index.ts';
import type { Move, MoveKind } from './schedule.ts';
import type { ChaosSystem, SystemListener } from './system.ts';

/** Does to a system what the schedule says, and remembers what really hit. */
export interface Nemesis extends SystemListener {
  /** Makes all moves at their times; resolves when the last one is over. */
  run(clock: () => number): Promise<void>;
  /** Nothing is paused and no fault is on any more. */
  heal(): Promise<void>;
  hits(): Map<MoveKind, number>;
}

/** How long a process that is just being started is waited for, in milliseconds: two moves at once would spare each other. */
const longerMs = 5_000;
/** How much longer a fault stays on when it has hit nothing yet: on a busy machine no request may have come by. */
const longestFaultMs = 15_000;
const lookEveryMs = 50;

type NodeFault = 'error' | 'lostReply' | 'delay' | 'reset' | 'down';

export function createNemesis(
  schedule: Move[],
  nodes: readonly string[],
  system: ChaosSystem,
): Nemesis {
  const hits = new Map<MoveKind, number>();
  const hit = (kind: MoveKind, times = 1): void => {
    hits.set(kind, (hits.get(kind) ?? 0) + times);
  };
  const hitsOf = (kind: MoveKind): number =>
    isProxyMove(kind) ? system.proxy.hits()[faultOf(kind) as ProxyFault] : (hits.get(kind) ?? 0);
  /** Moves of nodes and proxy that are on right now. */
  const active = new Set<Move>();
  const stopped = new Set<number>();

  const faultsOf = (node: string): Partial<NodeFaults> => {
    const own = [...active].filter(({ kind, target }) => isNodeMove(kind) && target === node);
    const strongest = (fault: NodeFault): number =>
      Math.max(
        0,
        ...own.filter(({ kind }) => faultOf(kind) === fault).map((move) => move.strength),
      );
    return {
      error: strongest('error'),
      lostReply: strongest('lostReply'),
      delayMs: strongest('delay'),
      reset: strongest('reset'),
      down: strongest('down') > 0,
    };
  };
  /** A node API that is down or asleep hears of it when it comes back (`renewNodeFaults`), or from the next move. */
  const tellNode = async (node: string): Promise<void> => {
    await fetch(`${system.nodeApiUrl}/v1/faults/${node}`, {
      method: 'PUT',
      body: JSON.stringify(faultsOf(node)),
      signal: AbortSignal.timeout(2_000),
    }).catch(() => {});
  };
  const tellProxy = (): void => {
    const own = [...active].filter(({ kind }) => isProxyMove(kind));
    const total = own.reduce((sum, { strength }) => sum + strength, 0);
    // Probabilities add up to 1 at most.
    const share = Math.max(1, total);
    system.proxy.setFaults(
      Object.fromEntries(
        own.map(({ kind, strength }) => [faultOf(kind) as ProxyFault, strength / share]),
      ),
    );
  };

  const signal = (pids: number[], name: NodeJS.Signals): boolean =>
    pids.filter((pid) => send(pid, name)).length > 0;
  const pauseProcess = async (move: Move, pids: number[]): Promise<void> => {
    if (!signal(pids, 'SIGSTOP')) return;
    hit(move.kind);
    pids.forEach((pid) => stopped.add(pid));
    await pause(move.forMs);
    signal(pids, 'SIGCONT');
    pids.forEach((pid) => stopped.delete(pid));
  };

  const make = async (move: Move): Promise<void> => {
    const { kind, target } = move;
    if (isNodeMove(kind) || isProxyMove(kind)) {
      const tell = isNodeMove(kind) ? () => tellNode(target) : async () => tellProxy();
      const before = hitsOf(kind);
      active.add(move);
      await tell();
      await pause(move.forMs);
      await until(() => hitsOf(kind) > before, longestFaultMs);
      active.delete(move);
      return tell();
    }
    if (kind === 'flush redis') {
      if (await until(() => flush(system.redisUrl), longerMs)) hit(kind);
      return;
    }
    await until(() => system.pidOf(target) !== null, longerMs);
    const pid = system.pidOf(target);
    if (pid === null) return;
    if (kind.startsWith('pause') || kind === 'freeze redis') return pauseProcess(move, [pid]);
    if (kind === 'freeze postgres') return pauseProcess(move, [pid, ...childrenOf(pid)]);
    if (kind === 'wipe redis') system.wipeRedisAtStart();
    // Immediate mode: Postgres drops everything and recovers from its log at the next start.
    if (send(pid, kind === 'restart postgres' ? 'SIGQUIT' : 'SIGKILL')) hit(kind);
  };

  return {
    async run(clock) {
      const moves: Promise<void>[] = [];
      for (const move of schedule) {
        if (move.atMs > clock()) await pause(move.atMs - clock());
        moves.push(make(move));
      }
      await Promise.all(moves);
    },
    async heal() {
      for (const pid of stopped) send(pid, 'SIGCONT');
      stopped.clear();
      active.clear();
      tellProxy();
      await system.ready();
      for (const node of nodes) await tellNode(node);
    },
    onNodeApiReady: () => nodes.forEach((node) => void tellNode(node)),
    // Shows which of the nodes' faults hit.
    onDelivery({ parcel, reply, tookMs }) {
      const node = parcel.headers['node'];
      const own = [...active].filter(({ kind, target }) => isNodeMove(kind) && target === node);
      const text = reply instanceof Error ? '' : reply.body.toString();
      for (const { kind, strength } of own) {
        const fault = faultOf(kind);
        if (fault === 'error') hit(kind, count(text, 'fault: nothing was done'));
        else if (fault === 'lostReply') hit(kind, count(text, 'fault: the reply was lost'));
        else if (fault === 'delay') hit(kind, tookMs >= strength ? 1 : 0);
        else
          hit(
            kind,
            reply instanceof Error && 'code' in reply && reply.code === 'ECONNRESET' ? 1 : 0,
          );
      }
    },
    hits() {
      const all = new Map(hits);
      for (const [fault, times] of Object.entries(system.proxy.hits()))
        all.set(`proxy ${fault as ProxyFault}`, times);
      return all;
    },
  };
}

const isNodeMove = (kind: MoveKind): boolean => kind.startsWith('node ');
const isProxyMove = (kind: MoveKind): boolean => kind.startsWith('proxy ');
const faultOf = (kind: MoveKind): string => kind.split(' ')[1]!;
const count = (text: string, part: string): number => text.split(part).length - 1;

/** Whether it came true within `limitMs`. */
async function until(isTrue: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  for (const end = performance.now() + limitMs; performance.now() < end; await pause(lookEveryMs))
    if (await isTrue()) return true;
  return false;
}

/** False when there is no such process (any more). */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The processes that `pid` has started and that still run: Postgres's backends. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

async function flush(redisUrl: string): Promise<boolean> {
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 0 });
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.flushall();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
