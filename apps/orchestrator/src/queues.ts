import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import type { BullmqQueue } from '@reliable-ops/saga';
import { Hono, type MiddlewareHandler } from 'hono';
import { ProblemError, unavailable } from './problem.ts';
import { boardPolicy } from './security/content-policy.ts';

const basePath = '/queues';

/**
 * Bull Board, to look only. Each of its buttons would go past the saga log: a job retried, promoted or removed by hand is
 * an attempt that the log does not know, or one that it waits for. So what changes anything is refused (405).
 */
export function queueRoutes(queue: Pick<BullmqQueue, 'queues' | 'isConnected'>): Hono {
  const adapter = new HonoAdapter(serveStatic);
  createBullBoard({
    queues: [...queue.queues.values()].map(
      (own) =>
        new BullMQAdapter(own, {
          readOnlyMode: true,
          externalJobUrl: ({ id }) => ({
            displayText: 'Its sagas',
            href: `/jobs/${own.name}/${id ?? ''}`,
          }),
        }),
    ),
    serverAdapter: adapter,
    options: {
      uiConfig: { boardTitle: 'reliable-ops', miscLinks: [{ text: 'Console', url: '/' }] },
    },
  });
  adapter.setBasePath(basePath);
  // Its own would answer with the error's text; ours goes to the place where all errors are answered.
  adapter.setErrorHandler((error) => {
    throw error;
  });

  const app = new Hono();
  // The plugin does not know itself under its path with a slash.
  app.get(`${basePath}/`, (context) => context.redirect(basePath, 301));
  app.use(`${basePath}/*`, async ({ req }, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD')
      throw new ProblemError(
        405,
        'METHOD_NOT_ALLOWED',
        'the queues are shown, not changed, here: a job changed by hand goes past its saga',
        { headers: { Allow: 'GET, HEAD' } },
      );
    return next();
  });
  app.use(`${basePath}/api/*`, async (_, next) => {
    // BullMQ would wait for Redis without an end.
    if (!queue.isConnected()) throw unavailable('REDIS_AWAY', 'Redis does not answer: try again');
    return next();
  });
  app.use(`${basePath}/*`, withoutWebFonts);
  app.route(basePath, adapter.registerPlugin());
  return app;
}

/** The page asks Google for its fonts; its policy does not let it, and without the question it does not complain. */
const withoutWebFonts: MiddlewareHandler = async (context, next) => {
  await next();
  context.header('Content-Security-Policy', boardPolicy);
  const { res } = context;
  if (!res.headers.get('content-type')?.startsWith('text/html')) return;
  const page = (await res.text()).replaceAll(/<link\b[^>]*\bfonts\.googleapis\.com[^>]*>/g, '');
  context.res = new Response(page, { status: res.status, headers: res.headers });
};
