import { fileURLToPath } from 'node:url';
import { migrate } from '@reliable-ops/database';
import { findRedis, startPostgres } from '@reliable-ops/local';
import postgres from 'postgres';
import { bundleApps } from './bundle-apps.ts';
import { testServers } from './global-teardown.ts';
import { createTemporaryFolder } from './temporary-folder.ts';
import { publishTestEnvironment } from './test-environment.ts';

const packageFolder = fileURLToPath(new URL('../../../.local/redis-package', import.meta.url));
const template = 'rops_template';

/**
 * One Postgres for all test files, with a migrated database to clone, a Redis binary, and our own processes, bundled. DATABASE_URL and
 * REDIS_URL are not looked at: the tests wipe what they use. Should jest die, the leash ends all of it.
 */
export default async function startTestServers(): Promise<void> {
  const redis = await findRedis({
    packageFolder,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const folder = await createTemporaryFolder('tests');
  testServers.push(folder);
  const server = await startPostgres({ dataFolder: `${folder.path}/postgres`, fast: true });
  testServers.push(server);
  const bundles = `${folder.path}/bundles`;
  await Promise.all([createTemplate(server.url), bundleApps(bundles)]);
  publishTestEnvironment({
    postgresUrl: server.url,
    template,
    redis,
    bundles,
    mainProcess: process.pid,
  });
}

async function createTemplate(serverUrl: string): Promise<void> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`create database ${sql(template)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
  const url = new URL(serverUrl);
  url.pathname = `/${template}`;
  await migrate(url.href);
}
