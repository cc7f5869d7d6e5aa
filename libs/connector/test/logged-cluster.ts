import { randomUUID } from 'node:crypto';
import type { NodeFaults, VerifyFinding } from '@reliable-ops/contracts';
import { connect, type Sql } from '@reliable-ops/database';
import { listenNodeApi } from '@reliable-ops/node-api';
import {
  createEngine,
  createPostgresLog,
  createPostgresVerifyLog,
  createRegistry,
  type Engine,
  type Entry,
  type VerifyLog,
} from '@reliable-ops/saga';
import { createTestDatabase, nodeNames } from '@reliable-ops/testkit';
import {
  createGroupSagas,
  createParticipants,
  findingsOf,
  verifyCluster,
  type Divergence,
  type NodeOptions,
} from '../src/index.ts';

export interface Verified {
  findings: VerifyFinding[];
  divergences: Divergence[];
  groups: number;
  sagas: number;
  inFlight: number;
  unreachable: { node: string; reason: string }[];
}

/** A real log, real nodes and an engine in this process; jobs wait until they are drained. */
export interface LoggedCluster extends AsyncDisposable {
  sql: Sql;
  engine: Engine;
  verifyLog: VerifyLog;
  /** Accepts; what is owed waits for `drain`. */
  accept(change: 'create' | 'delete', ids: string[]): Promise<number[]>;
  drain(): Promise<void>;
  change(change: 'create' | 'delete', ids: string[]): Promise<void>;
  setFaults(node: string, faults: Partial<NodeFaults>): Promise<void>;
  /** Patience: 1 s, since most nodes that fail here fail for ever. */
  verify(options?: { log?: VerifyLog; patienceMs?: number }): Promise<Verified>;
  wipe(): Promise<void>;
}

export async function startLoggedCluster(): Promise<LoggedCluster> {
  const database = await createTestDatabase();
  const own = connect(database.url, { applicationName: 'node-api' });
  const sql = connect(database.url, { applicationName: 'test' });
  const api = await listenNodeApi({ sql: own });
  const nodes = nodeNames.map((name): NodeOptions => ({ name, protocol: 'fenced' }));
  const cluster = { url: api.url, nodes, timeoutMs: 2_000 };
  const definitions = createGroupSagas(nodes);
  const registry = createRegistry(definitions, { stepAttempts: 3 });
  const jobs: Entry[][] = [];
  const engine = createEngine({
    log: createPostgresLog(sql),
    registry,
    participants: createParticipants(cluster),
    queue: {
      add: async (added) => void jobs.push(...added),
      part: async () => {},
      findMissing: async () => [],
      readMarker: async () => null,
      writeMarker: async () => {},
      withdraw: async () => {},
      pauseOnly: async () => {},
      findPaused: async () => ({ paused: new Set(), isWhole: true }),
      announce: async () => {},
    },
  });
  const verifyLog = createPostgresVerifyLog(sql);

  const accept: LoggedCluster['accept'] = async (change, ids) => {
    const definition = definitions.find(({ name }) => name === `${change}-group`)!;
    const sagas = ids.map((groupId) => ({ definition, input: { groupId } }));
    return (await engine.accept({ batchId: randomUUID(), idempotency: null, sagas })).sagaIds;
  };
  const drain = async (): Promise<void> => {
    for (;;) {
      await engine.idle();
      const taken = jobs.splice(0);
      if (taken.length === 0) return;
      await Promise.all(taken.map((job) => engine.runJob(job)));
    }
  };

  return {
    sql,
    engine,
    verifyLog,
    accept,
    drain,
    async change(change, ids) {
      await accept(change, ids);
      await drain();
    },
    async setFaults(node, faults) {
      await fetch(`${api.url}/v1/faults/${node}`, { method: 'PUT', body: JSON.stringify(faults) });
    },
    async verify({ log = verifyLog, patienceMs = 1_000 } = {}) {
      const options = { log, registry, cluster, patienceMs };
      const run = verifyCluster(options, new AbortController().signal);
      const findings: VerifyFinding[] = [];
      const divergences: Divergence[] = [];
      for await (const event of run.events) {
        if (event.type === 'finding') findings.push(event.finding);
        else {
          divergences.push(event.divergence);
          findings.push(...findingsOf(event.divergence));
        }
      }
      return { findings, divergences, ...run.counts, unreachable: run.unreachable };
    },
    async wipe() {
      jobs.length = 0;
      await sql`truncate saga.sagas, saga.lanes, saga.outbox, node01.groups, node02.groups, node03.groups`;
    },
    async [Symbol.asyncDispose]() {
      await engine.idle();
      await api[Symbol.asyncDispose]();
      await Promise.all([own.end(), sql.end()]);
      await database[Symbol.asyncDispose]();
    },
  };
}
