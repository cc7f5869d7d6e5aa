import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { startChild, type Child } from '@reliable-ops/local';
import { Redis } from 'ioredis';
import { startApp } from '../src/app-process.ts';
import { describeApps, type Apps } from '../src/apps.ts';
import {
  argumentsOf,
  clientOf,
  createTestDatabase,
  startTestRedis,
  waitFor,
} from '../src/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const token = 'token-of-ann-0123456789';
const wrongToken = 'token-of-eve-0123456789';
const redisPassword = 'redis/password-0123456789';
const otherPassword = 'another-password-0123456789';

/** All that any process of one test has printed. */
let printed = '';
const hear = (line: string): void => void (printed += `${line}\n`);
async function run(app: string, env: Record<string, string>): Promise<Child> {
  const child = await startApp({ app, env }, hear);
  disposables.push(child);
  return child;
}
const rops = (env: Record<string, string>, ...argv: string[]): Promise<void> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [...argumentsOf('cli'), ...argv],
      { env: { PATH: process.env['PATH'], ...env }, timeout: 30_000 },
      (_error, stdout, stderr) => {
        hear(`${stdout}${stderr}`);
        resolve();
      },
    );
  });

/** Of each secret every form in which it is sent. */
function findSecrets(secrets: string[]): string[] {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64').replaceAll('=', ''),
  ]);
  return forms.filter((form) => printed.includes(form));
}

async function describe(format: 'json' | 'pretty') {
  const [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  disposables.push(database, redis);
  const admin = new Redis(redis.url, { maxRetriesPerRequest: null });
  admin.on('error', () => {});
  disposables.push({ [Symbol.asyncDispose]: async () => admin.disconnect() });
  await admin.config('SET', 'requirepass', redisPassword);
  const redisUrl = new URL(redis.url);
  redisUrl.password = encodeURIComponent(redisPassword);
  const apps = await describeApps({
    databaseUrl: database.url,
    redisUrl: redisUrl.href,
    workers: 1,
    env: { API_TOKENS: `${token},other-0123456789`, LOG_LEVEL: 'trace', LOG_FORMAT: format },
  });
  return { apps, databaseUrl: database.url, redis, admin };
}
const isReady = (apps: Apps): Promise<unknown> =>
  waitFor('the system', async () => (await apps.orchestrator.isReady()) && apps.nodeApi.isReady(), {
    explain: () => printed,
  });

/** Every process with what it cannot start with, until all have said so. */
async function startInVain(databaseUrl: string, env: Record<string, string>): Promise<void> {
  const wrong = (change: (given: URL) => void, of = databaseUrl): string => {
    const changed = new URL(of);
    change(changed);
    return changed.href;
  };
  const refused = wrong((given) => (given.password = otherPassword));
  const away = wrong((given) => (given.port = '1'));
  const nowhere = { REDIS_URL: `redis//:${otherPassword}@127.0.0.1:1` };
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://ann:${otherPassword}@127.0.0.1:1` };
  const begun = await Promise.all([
    ...['worker', 'orchestrator', 'node-api'].flatMap((app) => [
      run(app, { ...env, DATABASE_URL: refused }),
      run(app, { ...env, DATABASE_URL: away }),
      run(app, { ...env, DATABASE_URL: `mysql://ann:${otherPassword}@127.0.0.1/x` }),
      run(app, { ...env, ...nowhere, ...collector }),
    ]),
    ...[refused, away].map((url) =>
      startChild({
        command: process.execPath,
        args: ['--import', 'tsx', 'infra/docker/migrate.ts'],
        cwd: root,
        env: { PATH: process.env['PATH'], ...env, DATABASE_URL: url },
        onLine: hear,
      }),
    ),
  ]);
  disposables.push(...begun);
  await waitFor(
    'what each has to say',
    () =>
      ['password authentication failed', 'ECONNREFUSED', 'DATABASE_URL=', 'REDIS_URL='].every(
        (text) => printed.includes(text),
      ) && (printed.match(/^(?:DATABASE|REDIS)_URL=/gm) ?? []).length === 6,
    { timeoutMs: 40_000, explain: () => printed.slice(-10_000) },
  );
  await Promise.all(begun.map((child) => child.stop()));
}

test.each(['json', 'pretty'] as const)(
  'no process prints a token or a password, whatever is wrong with it: %s, at LOG_LEVEL=trace',
  async (format) => {
    printed = '';
    const { apps, databaseUrl, redis, admin } = await describe(format);
    const { env } = apps.orchestrator;
    const children = await Promise.all(
      [apps.nodeApi, apps.orchestrator, apps.workers[0]!].map((one) => run(one.app, one.env)),
    );
    await isReady(apps);

    // Work, a failing node, and people with and without a token.
    const url = apps.orchestratorUrl;
    await clientOf(apps).setFaults('node02', { error: 0.5 });
    const cli = { ROPS_URL: url, ROPS_TOKEN: token };
    await rops(cli, 'create', '0..9');
    await rops({ ...cli, ROPS_TOKEN: wrongToken }, 'stats');
    await rops({ ...cli, ROPS_URL: `http://ann:${otherPassword}@127.0.0.1:1` }, 'stats');
    await rops(cli, 'stats', '--token', wrongToken);
    for (const authorization of [`Bearer ${token}`, `Bearer ${wrongToken}`, `bearer${wrongToken}`])
      for (const path of ['/', '/v1/sagas', '/nothing', '/metrics'])
        await (await fetch(`${url}${path}`, { headers: { authorization } })).arrayBuffer();
    for (const form of [token, wrongToken])
      await (
        await fetch(`${url}/sign-in`, {
          method: 'POST',
          body: new URLSearchParams({ token: form }),
        })
      ).arrayBuffer();

    // Redis is gone, then it has another password; Postgres lets nobody in.
    await redis.kill();
    await waitFor('the word that Redis is away', () => printed.includes('Redis is away'));
    await redis.start();
    await admin.config('SET', 'requirepass', otherPassword);
    const server = new URL(databaseUrl);
    const name = server.pathname.slice(1);
    server.pathname = '/postgres';
    const sql = connect(server.href, { applicationName: 'test', max: 1 });
    await sql`alter database ${sql(name)} with allow_connections false`;
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
    const refusal = await fetch(`${url}/v1/sagas`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ saga: 'create-group', input: { groupId: 'x' } }),
    });
    expect(await refusal.json()).toMatchObject({ status: 503, code: 'POSTGRES_AWAY' });
    await sql`alter database ${sql(name)} with allow_connections true`;
    await sql.end();
    await Promise.all(children.map((child) => child.stop()));

    // The same in either format: what is said before there is a log, and at its end.
    if (format === 'json') await startInVain(databaseUrl, env);

    expect(printed.length).toBeGreaterThan(5_000);
    const { password } = new URL(databaseUrl);
    expect(password.length).toBeGreaterThan(7);
    expect(
      findSecrets([token, wrongToken, 'other-0123456789', redisPassword, otherPassword, password]),
    ).toEqual([]);
    if (format === 'json') expect(linesThatAreNoJson(printed)).toEqual([]);
  },
  120_000,
);

/** What is printed before there is a log, a mistake in the configuration, is for a person; so is all that rops says. */
function linesThatAreNoJson(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('{') && !isJson(line));
}
function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
