import { createFaultClient, createGroupSagas, verifyCluster } from '@reliable-ops/connector';
import { problem, type ClusterView, type Problem } from '@reliable-ops/contracts';
import { connect } from '@reliable-ops/database';
import { createMetrics } from '@reliable-ops/observability';
import { createLogger } from '@reliable-ops/runtime';
import {
  createBullmqQueue,
  createEngine,
  createPostgresLog,
  createPostgresVerifyLog,
  createRegistry,
  startJobWorkers,
  type Participant,
  type SagaDefinition,
} from '@reliable-ops/saga';
import { createTestDatabase, startTestRedis, waitFor } from '@reliable-ops/testkit';
import { checkAnswer } from './documented.ts';
import { createApp, type AppParts } from '../src/index.ts';
import { startWatches } from '../src/watches.ts';

const nodes = ['node01', 'node02', 'node03'].map((name) => ({
  name,
  protocol: 'fenced' as const,
}));
export const groupSagas = createGroupSagas(nodes);

export interface Backends {
  databaseUrl: string;
  redisUrl: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A database and a Redis of this suite's own. */
export async function startBackends(): Promise<Backends> {
  const [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  return {
    databaseUrl: database.url,
    redisUrl: redis.url,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

export interface ApiOptions extends Partial<AppParts> {
  definitions?: SagaDefinition[];
  /** Where the nodes answer; default: nowhere. */
  nodeApiUrl?: string;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface Api extends AppParts {
  app: ReturnType<typeof createApp>;
  [Symbol.asyncDispose](): Promise<void>;
  /** A request as it comes over HTTP: with a Host header. */
  send(method: string, path: string, options?: SendOptions): Promise<Reply>;
  /** Works the queues as a worker does. */
  work(participant: Participant): AsyncDisposable;
}

export interface SendOptions {
  headers?: Record<string, string>;
  /** Text and bytes go as they are, anything else as JSON. */
  body?: unknown;
  signal?: AbortSignal;
}

/** The API in this process, on real Postgres and Redis. */
export function startApi(
  { databaseUrl, redisUrl }: Pick<Backends, 'databaseUrl' | 'redisUrl'>,
  { definitions = groupSagas, nodeApiUrl = 'http://127.0.0.1:1', ...given }: ApiOptions = {},
): Api {
  const ignore = (): void => {};
  const sql = connect(databaseUrl, { applicationName: 'orchestrator-test', max: 10 });
  const log = given.log ?? createPostgresLog(sql);
  const registry = createRegistry(definitions, { stepAttempts: 2 });
  const queue = createBullmqQueue(redisUrl, registry.participants, ignore);
  const engine = createEngine({ log, registry, queue, report: ignore });
  const watches = startWatches({ log, registry, redisUrl, onError: ignore });
  const verifyLog = createPostgresVerifyLog(sql);
  const nodeCluster = { url: nodeApiUrl, nodes, timeoutMs: 2_000 };
  const parts: AppParts = {
    version: '0.0.0',
    host: '127.0.0.1',
    allowedHosts: [],
    tokens: [],
    sql,
    log,
    engine,
    registry,
    queue,
    ...watches,
    maxActiveSagas: 100_000,
    cluster: { read: async (): Promise<ClusterView> => ({ consistent: true, nodes: {} }) },
    faults: createFaultClient({ url: 'http://127.0.0.1:9', timeoutMs: 1_000 }),
    verify: (signal) =>
      verifyCluster({ log: verifyLog, registry, cluster: nodeCluster, patienceMs: 500 }, signal),
    closing: new AbortController().signal,
    metrics: createMetrics(),
    logger: createLogger('orchestrator-test', { LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }),
    ...given,
  };
  const app = createApp(parts);

  return {
    ...parts,
    app,
    async send(method, path, { headers = {}, body, signal } = {}) {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array;
      const response = await app.request(`http://localhost${path}`, {
        method,
        headers: {
          host: 'localhost:3000',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: (isRaw ? body : JSON.stringify(body)) as string }),
        ...(signal ? { signal } : {}),
      });
      const reply = await replyOf(response);
      checkAnswer(method, path, reply);
      return reply;
    },
    work(participant) {
      const participants = Object.fromEntries(
        registry.participants.map((name) => [name, participant]),
      );
      const worker = createEngine({ log, registry, queue, participants, report: ignore });
      const jobs = startJobWorkers({
        redisUrl,
        participants: registry.participants,
        engine: worker,
        concurrency: 10,
        lockMs: 10_000,
        onError: ignore,
        onFailed: ignore,
      });
      return {
        async [Symbol.asyncDispose]() {
          await jobs.stop(5_000);
          await worker.idle();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      watches[Symbol.dispose]();
      await engine.idle();
      await queue[Symbol.asyncDispose]();
      await sql.end({ timeout: 1 });
    },
  };
}

export async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text();
  const isJson = text !== '' && /[/+]json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : text,
  };
}

/** Nodes on which everything works. */
export const willing: Participant = {
  run: async (_kind, commands) => commands.map(() => ({ result: 'applied', output: 'created' })),
};

export const create = (groupId: unknown): { saga: string; input: unknown } => ({
  saga: 'create-group',
  input: { groupId },
});

/** The reply's problem; throws where it is none. */
export function problemOf({ status, headers, body }: Reply): Problem {
  if (headers.get('content-type') !== 'application/problem+json')
    throw new Error(`${status} is no problem+json: ${JSON.stringify(body)}`);
  return problem.parse(body);
}

/** Asks until the answer is yes, with a limit. */
export const until = (isTrue: () => boolean | Promise<boolean>): Promise<true> =>
  waitFor(String(isTrue), isTrue);
