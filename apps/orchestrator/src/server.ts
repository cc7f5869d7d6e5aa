import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import {
  createClusterReader,
  createFaultClient,
  createGroupSagas,
  verifyCluster,
} from '@reliable-ops/connector';
import { connect } from '@reliable-ops/database';
import {
  combineObservers,
  createEngineMetrics,
  createMetrics,
  createSagaLog,
  registerLogMetrics,
  registerQueueMetrics,
  startTracing,
} from '@reliable-ops/observability';
import {
  answerBrokenRequests,
  ConfigError,
  createComplaints,
  type Config,
  type Logger,
} from '@reliable-ops/runtime';
import {
  createBullmqQueue,
  createEngine,
  createPostgresLog,
  createPostgresVerifyLog,
  createRegistry,
  measureLog,
} from '@reliable-ops/saga';
import { createApp } from './app.ts';
import { drainServer } from './drain.ts';
import { answerOutsideApp, ProblemError, problemOf, problemType } from './problem.ts';
import { checkExposure } from './security/exposure.ts';
import { startWatches } from './watches.ts';
import { within } from './within.ts';

/** Milliseconds that a stop leaves to requests in hand, and then to what they have accepted and is being published. */
const drainMs = 6_000;
const publishMs = 2_000;

/** Milliseconds that a job may be due before it counts as overdue: recovery has looked for it by then. */
const overdueAfterMs = 15_000;

export interface Orchestrator {
  /** Where it listens. */
  url: string;
  stop(): Promise<void>;
}

/** Starts the API. It serves at once: Postgres and Redis may come later. Throws ConfigError. */
export async function startOrchestrator(config: Config, logger: Logger): Promise<Orchestrator> {
  checkExposure(config);
  const sql = connect(config.DATABASE_URL, { applicationName: 'rops-orchestrator', max: 10 });
  const log = createPostgresLog(sql);
  const registry = createRegistry(createGroupSagas(config.NODES), {
    stepAttempts: config.STEP_ATTEMPTS,
    deadlineMs: config.SAGA_DEADLINE,
    stuckAfter: config.STUCK_AFTER,
  });
  const complain = createComplaints(
    logger,
    'Redis is away: what is accepted now is published later',
  );
  const queue = createBullmqQueue(config.REDIS_URL, registry.participants, complain);
  const tracing = await startTracing('rops-orchestrator', config, logger);
  const metrics = createMetrics();
  registerLogMetrics(metrics.registry, {
    nodes: registry.participants,
    measure: () => measureLog(sql, overdueAfterMs),
  });
  registerQueueMetrics(metrics.registry, queue);
  const engine = createEngine({
    log,
    registry,
    queue,
    observer: combineObservers([
      createEngineMetrics(metrics.registry, registry),
      createSagaLog(logger),
    ]),
    report: (details, message) => logger.error(details, message),
    warn: (details, message) => logger.warn(details, message),
  });
  const watches = startWatches({
    log,
    registry,
    redisUrl: config.REDIS_URL,
    onError: complain,
  });
  const cluster = {
    url: config.NODE_API_URL,
    nodes: config.NODES,
    timeoutMs: config.CALL_TIMEOUT,
  };
  const verifyLog = createPostgresVerifyLog(sql);
  const closing = new AbortController();
  const app = createApp({
    version: readVersion(),
    host: config.HOST,
    allowedHosts: config.ALLOWED_HOSTS,
    tokens: config.API_TOKENS,
    sql,
    log,
    engine,
    registry,
    queue,
    ...watches,
    maxActiveSagas: config.MAX_ACTIVE_SAGAS,
    faults: createFaultClient({ url: config.NODE_API_URL, timeoutMs: config.CALL_TIMEOUT }),
    cluster: createClusterReader(cluster),
    verify: (signal) => verifyCluster({ log: verifyLog, registry, cluster }, signal),
    closing: closing.signal,
    metrics,
    tracing,
    logger,
  });
  const close = async (): Promise<void> => {
    watches[Symbol.dispose]();
    await queue[Symbol.asyncDispose]();
    await tracing?.stop();
    await sql.end({ timeout: 1 });
  };

  const server = createServer(
    { requireHostHeader: false }, // the listener refuses a request without, in our shape
    getRequestListener(app.fetch, { hostname: config.HOST, errorHandler: answerOutsideApp }),
  );
  answerBrokenRequests(server, (status, message) => ({
    contentType: problemType,
    body: JSON.stringify(problemOf(new ProblemError(status, 'HTTP', message))),
  }));
  try {
    await listen(server, config.HOST, config.ORCHESTRATOR_PORT);
  } catch (error) {
    await close();
    throw error;
  }
  const url = urlOf(server, config.HOST);
  logger.info({ url }, 'listening');

  return {
    url,
    async stop() {
      // Those who wait for the end of a saga are answered with how far it is.
      watches.endWatch.close();
      closing.abort();
      await drainServer(server, drainMs);
      // What is not published by then is owed by the outbox: a worker's recovery publishes it.
      await within(publishMs, engine.idle()).catch(() => {});
      await close();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
    server.listen(port, host.replaceAll(/^\[|\]$/g, ''), () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ConfigError(
        `ORCHESTRATOR_PORT=${port}: the port is in use on ${host}: stop what listens there, or set another port`,
      );
    case 'EACCES':
      return new ConfigError(`ORCHESTRATOR_PORT=${port}: this user may not open that port`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ConfigError(`HOST=${host}: this machine has no such address`);
    default:
      return error;
  }
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
