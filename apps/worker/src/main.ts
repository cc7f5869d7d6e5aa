import { createGroupSagas, createParticipants, createPruner } from '@reliable-ops/connector';
import { connect } from '@reliable-ops/database';
import { startTracing } from '@reliable-ops/observability';
import { createLogger, loadConfigOrExit, runProcess } from '@reliable-ops/runtime';
import { startWorker } from './worker.ts';

const config = loadConfigOrExit();
const { DATABASE_URL, REDIS_URL, NODE_API_URL, NODES, CALL_TIMEOUT } = config;
const logger = createLogger('worker', config);
await runProcess(logger, async () => {
  const tracing = await startTracing('rops-worker', config, logger);
  const cluster = {
    url: NODE_API_URL,
    nodes: NODES,
    timeoutMs: CALL_TIMEOUT,
    ...(tracing ? { traceparent: () => tracing.traceparent() } : {}),
  };
  return startWorker({
    sql: connect(DATABASE_URL, { applicationName: 'rops-worker' }),
    redisUrl: REDIS_URL,
    definitions: createGroupSagas(NODES),
    participants: createParticipants(cluster),
    prune: createPruner({
      ...cluster,
      onUnable: (node) => logger.info({ node }, 'it keeps its tombstones: it has no /v1/prune'),
    }),
    tracing,
    config,
    logger,
  });
});
