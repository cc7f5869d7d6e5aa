import { randomUUID } from 'node:crypto';
import { isReady, type Sql } from '@reliable-ops/database';
import {
  combineObservers,
  createEngineMetrics,
  createMetrics,
  createSagaLog,
  measureFailedJobs,
  measureRecovery,
  serveMetrics,
  type Tracing,
} from '@reliable-ops/observability';
import { createComplaints, waitUntil, type Config, type Logger } from '@reliable-ops/runtime';
import {
  createBullmqQueue,
  createEngine,
  createMaintenance,
  createPostgresLog,
  createPostgresMaintenance,
  createRecovery,
  createRegistry,
  startJobWorkers,
  type MaintenanceOptions,
  type Participant,
  type SagaDefinition,
} from '@reliable-ops/saga';
import { startMaintenance } from './maintenance-loop.ts';
import { startRecovery } from './recovery-loop.ts';

export interface WorkerOptions {
  sql: Sql;
  redisUrl: string;
  definitions: SagaDefinition[];
  participants: Record<string, Participant>;
  /** Lets the participants forget tokens that are stale for ever. */
  prune: MaintenanceOptions['prune'];
  tracing?: Tracing | undefined;
  config: Pick<
    Config,
    | 'STEP_ATTEMPTS'
    | 'SAGA_DEADLINE'
    | 'STUCK_AFTER'
    | 'WORKER_CONCURRENCY'
    | 'JOB_LOCK'
    | 'RECOVERY_INTERVAL'
    | 'RETENTION_DAYS'
    | 'TOMBSTONE_DAYS'
    | 'MAINTENANCE_INTERVAL'
    | 'METRICS_HOST'
    | 'METRICS_PORT'
  >;
  logger: Logger;
}

/** How long a stop waits for the jobs in hand before it hands them back, in milliseconds: within the process's own 10 s. */
const finishMs = 8_000;
const dayMs = 86_400_000;

/** Works the queues of all participants, and keeps the queue what the outbox says it should be. Waits for Postgres; Redis may come later. */
export async function startWorker(options: WorkerOptions): Promise<{ stop(): Promise<void> }> {
  const { sql, redisUrl, definitions, participants, prune, tracing, config, logger } = options;
  const metrics = createMetrics();
  const metricsServer = await serveMetrics(metrics, {
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    logger,
  });
  await waitUntil('Postgres and its migrations', (tell) => isReady(sql, tell), { logger });

  const log = createPostgresLog(sql);
  const registry = createRegistry(definitions, {
    stepAttempts: config.STEP_ATTEMPTS,
    deadlineMs: config.SAGA_DEADLINE,
    stuckAfter: config.STUCK_AFTER,
  });
  const complain = createComplaints(logger, 'Redis is away');
  const queue = createBullmqQueue(redisUrl, registry.participants, complain);
  const engine = createEngine({
    log,
    registry,
    queue,
    participants: tracing ? tracing.traceParticipants(participants) : participants,
    observer: combineObservers([
      createEngineMetrics(metrics.registry, registry),
      createSagaLog(logger),
    ]),
    report: (details, message) => logger.error(details, message),
    warn: (details, message) => logger.warn(details, message),
  });
  const jobs = startJobWorkers({
    redisUrl,
    participants: registry.participants,
    engine,
    concurrency: config.WORKER_CONCURRENCY,
    lockMs: config.JOB_LOCK,
    onError: complain,
    onFailed: measureFailedJobs(
      metrics.registry,
      createComplaints(logger, 'a job could not be ended: it comes again'),
    ),
  });
  const recovery = startRecovery({
    queue,
    pass: measureRecovery(
      metrics.registry,
      createRecovery({
        log,
        queue,
        holder: randomUUID(),
        intervalMs: config.RECOVERY_INTERVAL,
      }),
    ),
    intervalMs: config.RECOVERY_INTERVAL,
    logger,
  });
  const maintenance = startMaintenance({
    pass: createMaintenance({
      log: createPostgresMaintenance(sql),
      prune,
      holder: randomUUID(),
      retentionMs: config.RETENTION_DAYS * dayMs,
      tombstoneMs: config.TOMBSTONE_DAYS * dayMs,
      intervalMs: config.MAINTENANCE_INTERVAL,
    }),
    intervalMs: config.MAINTENANCE_INTERVAL,
    logger,
  });
  logger.info({ participants: registry.participants, metrics: metricsServer?.url }, 'working');

  return {
    async stop() {
      recovery.stop();
      maintenance.stop();
      await jobs.stop(finishMs);
      await Promise.all([engine.idle(), recovery.idle(), maintenance.idle()]);
      await queue[Symbol.asyncDispose]();
      await metricsServer?.close();
      await tracing?.stop();
      await sql.end({ timeout: 1 });
    },
  };
}
