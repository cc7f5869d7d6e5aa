import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, migrate, type Sql } from '@reliable-ops/database';
import {
  discardDataFolder,
  findRedis,
  holdFolder,
  releaseFolder,
  startPostgres,
  startRedis,
  type Postgres,
  type Redis,
} from '@reliable-ops/local';
import { Redis as RedisClient } from 'ioredis';
import { nodes } from './client.ts';

export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Postgres and Redis of the bench's own, both as durable as in production. They serve all contenders, one after another. */
export interface Environment extends AsyncDisposable {
  postgres: Postgres;
  redis: Redis;
  databaseUrl: string;
  sql: Sql;
  /** Nothing that one contender has left, and no work that Postgres has put off, is there for the next. */
  clean(): Promise<void>;
}

/** `preload`: a library that Postgres loads at its start. */
export async function startEnvironment({
  say,
  preload,
}: {
  say: (line: string) => void;
  preload?: string | undefined;
}): Promise<Environment> {
  const folder = await mkdtemp(join(tmpdir(), 'rops-bench-'));
  holdFolder(folder);
  await chmod(folder, 0o755); // Postgres may run under another account
  const data = join(folder, 'postgres');
  let postgres = await startPostgres({ dataFolder: data });
  if (preload !== undefined) {
    const first = connect(postgres.url, { applicationName: 'bench', max: 1 });
    await first`alter system set shared_preload_libraries = ${first.unsafe(preload)}`;
    await first`alter system set pg_stat_statements.track_planning = on`;
    await first.end();
    await postgres.stop();
    postgres = await startPostgres({ dataFolder: data });
  }
  const redis = await startRedis({
    binary: await findRedis({ packageFolder: join(checkout, '.local/redis-package'), say }),
    folder: join(folder, 'redis'),
  });
  const databaseUrl = new URL(postgres.url);
  databaseUrl.pathname = '/rops';
  const server = connect(postgres.url, { applicationName: 'bench', max: 1 });
  await server`create database rops`;
  await migrate(databaseUrl.href);
  const sql = connect(databaseUrl.href, { applicationName: 'bench', max: 2 });
  const redisClient = new RedisClient(redis.url);

  return {
    postgres,
    redis,
    databaseUrl: databaseUrl.href,
    sql,
    async clean() {
      await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases`;
      for (const node of nodes) await sql`truncate ${sql(node)}.groups`;
      await server`drop database if exists dbos with (force)`;
      await server`create database dbos`;
      await redisClient.flushall();
      await sql`checkpoint`;
    },
    async [Symbol.asyncDispose]() {
      redisClient.disconnect();
      await Promise.allSettled([sql.end({ timeout: 1 }), server.end({ timeout: 1 })]);
      await Promise.allSettled([redis.stop(), postgres.stop()]);
      await discardDataFolder(data);
      await rm(folder, { recursive: true, force: true });
      releaseFolder(folder);
    },
  };
}
