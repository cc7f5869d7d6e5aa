import type { Sql } from '@reliable-ops/database';
import {
  measureRequests,
  traceRequests,
  type Metrics,
  type Tracing,
} from '@reliable-ops/observability';
import type { Logger } from '@reliable-ops/runtime';
import { drizzle } from 'drizzle-orm/postgres-js';
import { Hono } from 'hono';
import { readStats, readSummary } from './cluster-views.ts';
import { rawPathOf, requireNode, requireUrl, type Environment } from './environment.ts';
import { answerNotFound, answerWrongMethod, createErrorHandler } from './errors.ts';
import { createClusterFaults } from './faults/cluster-faults.ts';
import { createFaultRoutes } from './faults/routes.ts';
import { createOperationStore } from './fenced/operation-store.ts';
import { createFencedRoutes } from './fenced/routes.ts';
import { createListingRoutes } from './listing.ts';
import { createMetricsRoutes, measureOperations } from './metrics.ts';
import { createPlainRoutes } from './plain/routes.ts';
import { createPruner } from './prune/pruner.ts';
import { createPruneRoutes } from './prune/routes.ts';

export interface NodeApiOptions {
  /** A pool of the API's own: drizzle changes how a client reads and writes dates and JSON. */
  sql: Sql;
  /** Probability that a request to /v1/group, or one fenced operation, fails at random; default 0. */
  randomBehavior?: number;
  /** Where those draws come from; default Math.random. */
  draw?: () => number;
  /** Gets what nobody foresaw; default none. */
  logger?: Logger;
  /** Where it counts what it is asked; default: nowhere, and no /metrics. */
  metrics?: Metrics;
  /** Absent: nobody asks for traces. */
  tracing?: Tracing | undefined;
  /** Aborted when the server stops: requests that a fault delays are cut. */
  closing?: AbortSignal;
}

/** The node API without a server. Faults that cut connections need @hono/node-server: `listenNodeApi`. */
export function createNodeApi(options: NodeApiOptions): Hono<Environment> {
  const {
    sql,
    randomBehavior = 0,
    draw = Math.random,
    logger,
    metrics,
    tracing,
    closing,
  } = options;
  const db = drizzle(sql);
  const faults = createClusterFaults(closing);
  const random = { probability: randomBehavior, draw };
  const onlyGet = answerWrongMethod('GET');

  return new Hono<Environment>({
    getPath: (request, extra) => rawPathOf(request, extra?.env?.incoming?.url),
  })
    .onError(createErrorHandler(logger))
    .notFound(answerNotFound)
    .use(metrics ? measureRequests(metrics) : (_, next) => next())
    .use(traceRequests(tracing))
    .use(requireUrl)
    .route('/', createMetricsRoutes(metrics))
    .get('/ping', (c) => c.text('PONG\n'))
    .get('/ping/', (c) => c.text('PONG\n'))
    .get('/v1/stats', async (c) => c.json(await readStats(db)))
    .get('/v1/summary', faults.disturb, async (c) => c.json(await readSummary(db, requireNode(c))))
    .all('/ping', onlyGet)
    .all('/ping/', onlyGet)
    .all('/v1/stats', onlyGet)
    .all('/v1/summary', onlyGet)
    .route('/', createPlainRoutes({ db, faults, random }))
    .route(
      '/',
      createFencedRoutes({
        store: createOperationStore(sql),
        faults,
        random,
        tell: measureOperations(metrics),
      }),
    )
    .route('/', createListingRoutes({ db, faults }))
    .route('/', createPruneRoutes({ pruner: createPruner(sql), faults }))
    .route('/', createFaultRoutes(faults));
}
