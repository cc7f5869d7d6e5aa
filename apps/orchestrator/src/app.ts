import type { ClusterReader, FaultClient } from '@reliable-ops/connector';
import type { Sql } from '@reliable-ops/database';
import {
  measureRequests,
  metricsRoutes,
  traceRequests,
  type Metrics,
  type Tracing,
} from '@reliable-ops/observability';
import type { Logger } from '@reliable-ops/runtime';
import type { BullmqQueue, Engine, Registry, SagaLog } from '@reliable-ops/saga';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { limitBodies } from './body.ts';
import { clusterRoutes } from './cluster.ts';
import type { Sampler } from './console/measures/sampler.ts';
import { consoleRoutes } from './console/routes.tsx';
import { eventRoutes, type EventParts } from './events/routes.ts';
import { healthRoutes } from './health.ts';
import { openapiRoutes } from './openapi/routes.ts';
import { faultRoutes } from './operate/faults.ts';
import { participantRoutes } from './operate/participants.ts';
import { operateRoutes } from './operate/routes.ts';
import { ProblemError, problemErrorOf, problemResponse } from './problem.ts';
import { queueRoutes } from './queues.ts';
import { logRequests } from './request-log.ts';
import { createSagaReader } from './sagas/reading.ts';
import { sagaRoutes } from './sagas/routes.ts';
import type { EndWatch } from './sagas/waiting.ts';
import { secureAnswers } from './security/answer-headers.ts';
import { guardHosts, type HostOptions } from './security/hosts.ts';
import { createSessions } from './security/session.ts';
import { requireToken } from './security/tokens.ts';
import { statusRoutes } from './status.ts';
import { verifyRoutes, type VerifyParts } from './verify/routes.ts';

/** What the API works with. It owns none of it. */
export interface AppParts
  extends
    HostOptions,
    Pick<VerifyParts, 'verify' | 'closing'>,
    Pick<EventParts, 'feed' | 'sagaWatch'> {
  version: string;
  /** Who may come in; none: everybody. */
  tokens: string[];
  sql: Sql;
  log: SagaLog;
  engine: Engine;
  registry: Registry;
  queue: BullmqQueue;
  endWatch: EndWatch;
  /** Sagas that may be active at once before more are refused. */
  maxActiveSagas: number;
  cluster: ClusterReader;
  faults: FaultClient;
  /** Numbers over time, for the console. */
  sampler: Pick<Sampler, 'samples'>;
  metrics: Metrics;
  /** Absent: nobody asks for traces. */
  tracing?: Tracing | undefined;
  logger: Logger;
}

/** The orchestrator's HTTP API, and its console. Nothing in it waits for Postgres or Redis to be there. */
export function createApp(parts: AppParts): Hono {
  const { logger, tokens } = parts;
  const app = new Hono();

  app.onError((error) => problemResponse(problemErrorOf(error)));
  app.notFound(({ req }) =>
    problemResponse(new ProblemError(404, 'NOT_FOUND', `there is nothing at ${req.path}`)),
  );

  app.use(measureRequests(parts.metrics));
  app.use(logRequests(logger));
  app.use(secureAnswers);
  app.use(guardHosts(parts));
  const sessions = createSessions(tokens);
  app.use(requireToken(tokens, sessions));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: ({ req }, methods) =>
        problemResponse(
          new ProblemError(405, 'METHOD_NOT_ALLOWED', `${req.path} takes ${methods.join(', ')}`, {
            headers: { Allow: methods.join(', ') },
          }),
        ),
    }),
  );
  app.use(limitBodies);
  app.use(traceRequests(parts.tracing));

  const reader = createSagaReader(parts.log);
  app.route('/', consoleRoutes(parts, reader, tokens.length > 0 ? sessions : null));
  app.get('/', (context) => context.json(contents));
  app.route('/', healthRoutes(parts));
  app.route('/', metricsRoutes(parts.metrics));
  app.route('/', sagaRoutes(parts, reader));
  app.route('/', eventRoutes(parts, reader));
  app.route('/', operateRoutes(parts, reader));
  app.route('/', participantRoutes(parts));
  app.route('/', faultRoutes(parts.faults, parts.registry.participants));
  app.route('/', clusterRoutes(parts.cluster));
  app.route('/', statusRoutes(parts));
  app.route('/', verifyRoutes(parts));
  app.route('/', openapiRoutes(parts.version));
  app.route('/', queueRoutes(parts.queue));
  return app;
}

const contents = {
  'POST /v1/sagas': 'start a saga: {"saga","input"}',
  'POST /v1/sagas/batch': 'start many: {"saga","inputs"}, or NDJSON, a line a saga',
  'GET /v1/sagas': 'list sagas, newest first: ?status= &saga= &key= &stuck= &limit= &cursor=',
  'GET /v1/sagas/:id': 'one saga, with its steps and their attempts',
  'GET /v1/sagas/:id/events':
    'the same, now and at each change, until it has ended (server-sent events)',
  'GET /v1/events': 'what changes from now on: ?status= &saga= &key= (server-sent events)',
  'POST /v1/sagas/:id/cancel': 'take it back: {"by"?,"note"?}; many: POST /v1/sagas/cancel {"ids"}',
  'POST /v1/sagas/:id/retry': 'what waits for its next attempt makes it now; many: /v1/sagas/retry',
  'POST /v1/sagas/:id/resolve': 'end it, vouched for by hand: {"note"}; many: /v1/sagas/resolve',
  'GET /v1/stuck': 'why stuck sagas cannot be taken back, causes grouped',
  'POST /v1/stuck/retry': 'all stuck sagas now, as a ramp: {"perSecond"?}',
  'GET /v1/batches/:id': 'sagas of a batch by status',
  'GET /v1/participants': 'who carries out steps, and who is paused',
  'POST /v1/participants/:name/pause': 'no attempt is begun there until /resume: {"by"?,"note"?}',
  'POST /v1/participants/:name/resume': 'go on there; deadlines move by as long as it was paused',
  'GET /v1/faults': 'what nodes do wrong on purpose; PUT /v1/faults/:node replaces it',
  'GET /v1/cluster': 'groups on each node, and whether the nodes agree',
  'GET /v1/status': 'what runs, and how far behind it is',
  'GET /v1/verify': 'is the cluster what the log says? NDJSON, a line a finding',
  'POST /v1/reconcile': 'what would repair it: {"apply":false}; or do it: {"apply":true}',
  'GET /openapi.json': 'this API as OpenAPI 3.1; GET /docs: the same for people',
  'GET /queues': 'the queues (Bull Board)',
  'GET /metrics': 'for Prometheus',
  'GET /healthz': 'alive',
  'GET /readyz': 'ready to accept',
};
