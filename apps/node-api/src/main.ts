import { connect, isReady } from '@reliable-ops/database';
import { createMetrics, startTracing } from '@reliable-ops/observability';
import {
  ConfigError,
  createLogger,
  loadConfigOrExit,
  runProcess,
  waitUntil,
} from '@reliable-ops/runtime';
import { listenNodeApi, type NodeApiServer } from './server.ts';

/** Connections to Postgres: more of them than cores would only queue inside it. */
const poolSize = 10;

const config = loadConfigOrExit();
const logger = createLogger('node-api', config);

await runProcess(logger, async () => {
  const sql = connect(config.DATABASE_URL, { applicationName: 'rops-node-api', max: poolSize });
  await waitUntil('Postgres and its migrations', () => isReady(sql), { logger });
  const tracing = await startTracing('rops-node-api', config, logger);
  const server = await listenNodeApi({
    sql,
    randomBehavior: config.RANDOM_BEHAVIOR,
    logger,
    metrics: createMetrics(),
    tracing,
    host: config.NODE_API_HOST,
    port: config.NODE_API_PORT,
  }).catch(explainListenError);
  logger.info({ url: server.url, randomBehavior: config.RANDOM_BEHAVIOR }, 'listening');
  return {
    async stop() {
      await server.close();
      await tracing?.stop();
      await sql.end({ timeout: 1 });
    },
  };
});

function explainListenError(error: NodeJS.ErrnoException): NodeApiServer {
  const { NODE_API_HOST: host, NODE_API_PORT: port } = config;
  const reasons: Record<string, string> = {
    EADDRINUSE: `NODE_API_PORT=${port}: the port is in use on ${host}; stop what listens there or choose another`,
    EACCES: `NODE_API_PORT=${port}: this user may not listen on it; choose one above 1023`,
    EADDRNOTAVAIL: `NODE_API_HOST=${host}: this machine has no such address`,
    ENOTFOUND: `NODE_API_HOST=${host}: no such host`,
  };
  const reason = reasons[error.code ?? ''];
  throw reason === undefined ? error : new ConfigError(reason);
}
