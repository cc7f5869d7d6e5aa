/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { hasEnded, type OperatorVerb } from '@reliable-ops/contracts';
import { Hono, type Context } from 'hono';
import { setCookie, deleteCookie } from 'hono/cookie';
import type { AppParts } from '../app.ts';
import { told } from '../operate/faults.ts';
import { readStuck } from '../operate/stuck.ts';
import { ProblemError, problemErrorOf } from '../problem.ts';
import type { SagaReader } from '../sagas/reading.ts';
import { viewOf } from '../sagas/view.ts';
import { sessionCookie, sessionHours, type Sessions } from '../security/session.ts';
import { wantsPage } from '../security/tokens.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { assetRoutes } from './assets.ts';
import { filterOf } from './filter.ts';
import { faultsIn, operatorIn, readForm } from './form.ts';
import { JobSagas, SagaJobs } from './job-pages.tsx';
import { Login } from './login.tsx';
import { createLatest } from './measures/latest.ts';
import { ProblemPage } from './message.tsx';
import { createNodeReader } from './node-facts.ts';
import { Nodes, PauseForm } from './nodes-page.tsx';
import { OperatorForm } from './operator-form.tsx';
import { Overview } from './overview.tsx';
import { answerPage } from './page.tsx';
import { findJobsOf, readJob } from './saga-jobs.ts';
import { SagaList } from './saga-list.tsx';
import { SagaDetails } from './saga-page.tsx';
import { findSagas, type SagaFilter } from './saga-search.ts';

type Parts = Pick<
  AppParts,
  'cluster' | 'engine' | 'faults' | 'log' | 'logger' | 'queue' | 'registry' | 'sampler' | 'sql'
>;

/** Milliseconds that a page waits for numbers that are dear where many sagas are under way. */
const patienceMs = 40;
const freshMs = 500;
/** Milliseconds after which pages ask again by themselves, as numbers over time change without anything being told. */
const refreshMs = 5_000;
const hastyRefreshMs = 500;
const newestSagas = 10;

const said = {
  cancel: 'Cancelled, or on its way to it.',
  retry: 'What waited is tried now.',
  resolve: 'Resolved.',
  pause: 'Paused.',
  resume: 'Resumed.',
  untold:
    'It stands in the log. Redis does not answer: the queue hears of it as soon as it is back.',
  faults: 'The faults are in force.',
} as const;
const saidIn = ({ req }: Context): string | null => {
  const name = req.query('said') ?? '';
  return Object.hasOwn(said, name) ? said[name as keyof typeof said] : null;
};

/** The console: pages for people, made here, of what the API tells programs. */
export function consoleRoutes(parts: Parts, reader: SagaReader, sessions: Sessions | null): Hono {
  const { engine, faults, log, logger, queue, registry, sampler } = parts;
  const nodes = createNodeReader(parts);
  const active = createLatest(() => log.countActive(), { freshMs, patienceMs });
  const stuck = createLatest(() => readStuck(log, registry), { freshMs, patienceMs });
  const app = new Hono();

  app.onError((error, context) => {
    const problem = problemErrorOf(error);
    for (const [name, value] of Object.entries(problem.headers)) context.header(name, value);
    const status = problem.status as 500;
    return answerPage(
      context,
      // What is away may be back in a moment.
      {
        title: 'Problem',
        place: null,
        status,
        ...(status === (503 as number) ? { refreshMs } : {}),
      },
      <ProblemPage problem={problem} />,
    );
  });

  app.get('/', async (context, next) => {
    if (!wantsPage(context)) return next();
    const [counts, cluster, newest] = await Promise.all([
      active.read(),
      nodes.read(),
      reader.list({ limit: newestSagas }),
    ]);
    const causes = (counts?.stuck ?? 0) > 0 ? await stuck.read() : undefined;
    return answerPage(
      context,
      {
        title: 'Overview',
        place: 'overview',
        events: '/v1/events',
        // What is not known yet will be in a moment.
        refreshMs: cluster.consistent === undefined ? hastyRefreshMs : refreshMs,
        scripts: ['uplot.js', 'charts.js'],
        styles: ['uplot.css'],
      },
      <Overview
        samples={sampler.samples()}
        active={counts}
        nodes={cluster.nodes}
        consistent={cluster.consistent}
        newest={newest}
        stuck={causes}
        now={Date.now()}
      />,
    );
  });

  app.get('/sagas', async (context) => {
    const filter = filterOf(context.req.query());
    // A number is an id, unless a saga of that name is looked for by its whole key.
    if (/^\d{1,15}$/.test(filter.key ?? '') && (await reader.get(Number(filter.key))))
      return context.redirect(`/sagas/${Number(filter.key)}`, 303);
    const page = await within(postgresPatienceMs, findSagas(log, filter));
    return answerPage(
      context,
      { title: 'Sagas', place: 'sagas', events: eventsOf(filter) },
      <SagaList filter={filter} page={page} names={registry.names} now={Date.now()} />,
    );
  });

  const viewIn = async (context: Context) => {
    const id = Number(context.req.param('id'));
    const saga = Number.isSafeInteger(id) ? await reader.get(id) : undefined;
    if (!saga)
      throw new ProblemError(
        404,
        'NOT_FOUND',
        `there is no saga ${context.req.param('id')}, or it has ended long ago and has left`,
      );
    return viewOf(registry, saga);
  };

  app.get('/sagas/:id{[0-9]+}', async (context) => {
    const view = await viewIn(context);
    const isOpen = !hasEnded(view.status);
    return answerPage(
      context,
      {
        title: `Saga ${view.id}`,
        place: 'sagas',
        events: isOpen ? `/v1/sagas/${view.id}/events` : null,
        ...(isOpen ? { refreshMs } : {}),
      },
      <SagaDetails view={view} now={Date.now()} said={saidIn(context)} />,
    );
  });

  app.get('/sagas/:id{[0-9]+}/jobs', async (context) => {
    const { id } = await viewIn(context);
    const { jobs, isWhole } = await findJobsOf(parts, Number(id));
    return answerPage(
      context,
      { title: `Jobs of saga ${id}`, place: 'sagas' },
      <SagaJobs id={Number(id)} jobs={jobs} isWhole={isWhole} />,
    );
  });

  for (const verb of ['cancel', 'retry', 'resolve'] satisfies OperatorVerb[]) {
    const answerForm = async (
      context: Context,
      problem: string | null,
      status: 200 | 400 | 409,
    ) => {
      const view = await viewIn(context);
      return answerPage(
        context,
        { title: `${verb} saga ${view.id}`, place: 'sagas', status },
        <OperatorForm verb={verb} view={view} problem={problem} />,
      );
    };
    app.get(`/sagas/:id{[0-9]+}/${verb}`, (context) => answerForm(context, null, 200));
    app.post(`/sagas/:id{[0-9]+}/${verb}`, async (context) => {
      const { id } = await viewIn(context);
      const form = await readForm(context);
      let operator;
      try {
        operator = operatorIn(form, verb === 'resolve');
      } catch (error) {
        return answerForm(context, problemErrorOf(error).message, 400);
      }
      const answers = await within(postgresPatienceMs, engine[verb]([Number(id)], operator));
      const answer = answers.get(Number(id));
      if (answer?.result === 'refused') return answerForm(context, answer.reason, 409);
      return context.redirect(`/sagas/${id}?said=${verb}`, 303);
    });
  }

  app.get('/nodes', async (context) => {
    const [cluster, made] = await Promise.all([nodes.read(), nodes.readFaults()]);
    return answerPage(
      context,
      { title: 'Nodes', place: 'nodes', events: '/v1/events', refreshMs },
      <Nodes {...cluster} faults={made} said={saidIn(context)} />,
    );
  });

  const nodeIn = (context: Context): string => {
    const name = context.req.param('name') ?? '';
    if (registry.participants.includes(name)) return name;
    throw new ProblemError(404, 'NOT_FOUND', `there is no node "${name}"`);
  };

  for (const act of ['pause', 'resume'] as const) {
    app.get(`/nodes/:name/${act}`, async (context) => {
      const name = nodeIn(context);
      const facts = (await nodes.read()).nodes.find((node) => node.name === name);
      return answerPage(
        context,
        { title: `${act} ${name}`, place: 'nodes' },
        <PauseForm name={name} act={act} jobs={facts?.jobs} />,
      );
    });
    app.post(`/nodes/:name/${act}`, async (context) => {
      const name = nodeIn(context);
      const operator = operatorIn(await readForm(context), false);
      const done = act === 'pause' ? engine.pause(name, operator) : engine.resume(name);
      const { isTold } = await within(postgresPatienceMs, done);
      logger.info({ participant: name, ...operator }, act === 'pause' ? 'paused' : 'resumed');
      return context.redirect(`/nodes?said=${isTold ? act : 'untold'}#${name}`, 303);
    });
  }

  app.post('/nodes/:name/faults', async (context) => {
    const name = nodeIn(context);
    const form = await readForm(context);
    const seed = (await told(faults.read()))[name]?.seed ?? null;
    await told(faults.set(name, faultsIn(form, seed)));
    return context.redirect(`/nodes?said=faults#${name}`, 303);
  });

  app.get('/jobs/:queue/:id', async (context) => {
    const { queue: name, id } = context.req.param();
    const job = await readJob(queue, name, id);
    if (!job)
      throw new ProblemError(
        404,
        'NOT_FOUND',
        `the queue "${name}" has no job ${id}, or no longer`,
      );
    const [only, ...others] = new Set(
      job.entries.flatMap(({ items }) => items.map(([sagaId]) => sagaId)),
    );
    if (only !== undefined && others.length === 0) return context.redirect(`/sagas/${only}`, 303);
    return answerPage(
      context,
      { title: 'Sagas of a job', place: 'sagas' },
      <JobSagas queue={name} id={id} {...job} />,
    );
  });

  app.route('/', loginRoutes(sessions));
  app.route('/', assetRoutes());
  return app;
}

/** Not by status: a saga that leaves the list is news too. */
const eventsOf = ({ name, key }: SagaFilter): string => {
  const asked = {
    ...(name === undefined ? {} : { saga: name }),
    ...(key === undefined ? {} : { key }),
  };
  return `/v1/events?${new URLSearchParams(asked)}`;
};

/** @param sessions null: nobody has to sign in */
function loginRoutes(sessions: Sessions | null): Hono {
  const answerLogin = (context: Context, to: string, problem: string | null) =>
    answerPage(
      context,
      { title: 'Sign in', place: null, isBare: true, status: problem === null ? 200 : 401 },
      <Login to={to} problem={problem} />,
    );
  return new Hono()
    .get('/login', (context) => {
      const to = ownPath(context.req.query('to'));
      return sessions ? answerLogin(context, to, null) : context.redirect(to, 303);
    })
    .post('/login', async (context) => {
      const form = await readForm(context);
      const to = ownPath(form.get('to'));
      const session = sessions?.open(form.get('token') ?? '');
      if (session === undefined) return answerLogin(context, to, 'This token is not known.');
      setCookie(context, sessionCookie, session, {
        httpOnly: true,
        sameSite: 'Strict',
        path: '/',
        maxAge: sessionHours * 3_600,
        // Whoever puts TLS in front of us: the browser says so.
        secure: context.req.header('origin')?.startsWith('https:') === true,
      });
      return context.redirect(to, 303);
    })
    .post('/logout', async (context) => {
      await readForm(context);
      deleteCookie(context, sessionCookie, { path: '/' });
      return context.redirect('/login', 303);
    });
}

/** Where to go on: a path of ours, and nothing that a browser would read as another host. */
const ownPath = (to: string | null | undefined): string =>
  to != null && /^\/(?![/\\])[\x20-\x7e]*$/.test(to) ? to : '/';
