import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createPostgresLog } from '@reliable-ops/saga';
import { connectExplained } from '@reliable-ops/testkit';
import { startApi, startBackends, until, type Api, type Backends } from '../fixture.ts';
import { windowIds } from '../../src/console/saga-search.ts';
import { fillLog } from './fill-log.ts';

/** CONSOLE_SAGAS=1000000 measures by hand: with it each page's time is printed. */
const measured = process.env['CONSOLE_SAGAS'];
const sagas = Number(measured ?? 40_000);
const pageHeaders = { accept: 'text/html' };

let backends: Backends;
let api: Api;
let sql: Sql;
/** What Postgres did, statement by statement, in its own words. */
const plans: string[] = [];
beforeAll(async () => {
  backends = await startBackends();
  const filling = connect(backends.databaseUrl, { applicationName: 'fill', max: 1 });
  await filling`set statement_timeout = 0`;
  await fillLog(filling, sagas);
  await filling.end();
  sql = measured
    ? connect(backends.databaseUrl, { applicationName: 'measured' })
    : connectExplained(backends.databaseUrl, (plan) => plans.push(plan));
  api = startApi(backends, { sql, log: createPostgresLog(sql) });
  await until(api.queue.isConnected);
}, 600_000);
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await backends[Symbol.asyncDispose]();
});

const middle = Math.round(sagas / 2);
const pages = [
  '/',
  '/sagas',
  `/sagas?before=${middle}`,
  '/sagas?before=60',
  ...['queued', 'running', 'compensating', 'completed', 'compensated', 'cancelled'].map(
    (status) => `/sagas?status=${status}`,
  ),
  '/sagas?stuck=true',
  '/sagas?saga=create-group',
  '/sagas?saga=delete-group',
  `/sagas?saga=delete-group&before=${middle}`,
  '/sagas?saga=delete-group&status=compensated',
  '/sagas?saga=delete-group&stuck=true',
  '/sagas?key=group:77',
  '/sagas?key=group:hot',
  '/sagas?key=group:hot&status=completed',
  '/sagas?key=nothing',
  '/sagas?key=nothing&status=completed&saga=delete-group',
  '/sagas/77',
  `/sagas/${sagas - 1_050}`,
  `/sagas/${sagas - 1_050}/resolve`,
  '/sagas/77/jobs',
  '/nodes',
];

/** Rows that one part of a plan has read and thrown away. */
const mostInVain = (plan: string): number =>
  Math.max(
    0,
    ...[...plan.matchAll(/Rows Removed by Filter: (\d+)/g)].map(([, rows]) => Number(rows)),
  );

const timesOf = async (path: string, times: number): Promise<number[]> => {
  const tookMs: number[] = [];
  for (let time = 0; time < times; time++) {
    const startedAt = performance.now();
    const { status } = await api.send('GET', path, { headers: pageHeaders });
    tookMs.push(performance.now() - startedAt);
    expect(status).toBe(200);
  }
  return tookMs.sort((one, other) => one - other);
};

test.each(pages)('no page reads the whole log: %s', async (path) => {
  const line: string[] = [path];
  // More often than Postgres tries whether a plan for all parameters will do.
  plans.length = 0;
  const tookMs = await timesOf(path, measured ? 30 : 8);
  const bad = plans.filter(
    (plan) => /Seq Scan on sagas/.test(plan) || mostInVain(plan) > windowIds,
  );
  expect(bad.slice(0, 1)).toEqual([]);
  if (!measured) return;
  const [first, median, last] = [tookMs[0]!, tookMs[15]!, tookMs.at(-1)!];
  line.push(...[first, median, last].map((ms) => `${ms.toFixed(1)} ms`));
  process.stderr.write(`${line.join('  ')}\n`);
});

test('the plans were seen, and a read of the whole log would be among them', async () => {
  if (measured) return;
  plans.length = 0;
  await sql`select max(length(error)) from saga.sagas`;
  await until(() => plans.some((plan) => /Seq Scan on sagas/.test(plan)));
});

test('a page that finds few of those it looks for says how far it has looked, and goes on from there', async () => {
  let path: string | undefined = '/sagas?saga=delete-group';
  let pagesSeen = 0;
  while (path !== undefined && pagesSeen < 1_000) {
    const { text } = await api.send('GET', path, { headers: pageHeaders });
    const [, next] = /rel="next" href="([^"]+)"/.exec(text) ?? [];
    path = next?.replaceAll('&amp;', '&');
    pagesSeen++;
    if (path === undefined) expect(text).toContain('No saga fits.');
  }
  expect(path).toBeUndefined();
});
