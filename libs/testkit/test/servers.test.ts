import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { createTestDatabase, startTestRedis, waitFor } from '@reliable-ops/testkit';

describe('createTestDatabase', () => {
  test('every test has a migrated database of its own, with its own incarnation', async () => {
    await using first = await createTestDatabase();
    await using second = await createTestDatabase();
    const incarnationOf = async (url: string) => {
      const sql = postgres(url, { max: 1 });
      try {
        const [row] = await sql<{ id: string }[]>`select id from saga.incarnation`;
        return row?.id;
      } finally {
        await sql.end();
      }
    };
    const [a, b] = [await incarnationOf(first.url), await incarnationOf(second.url)];
    expect(a).toBeDefined();
    expect(a).not.toBe(b);
  });

  test('a disposed database is gone, even with somebody connected', async () => {
    const database = await createTestDatabase();
    const sql = postgres(database.url, { max: 1, onnotice: () => {} });
    await sql`select 1`;
    await database[Symbol.asyncDispose]();
    await expect(sql`select 1`).rejects.toThrow();
    await sql.end({ timeout: 0 });
    await using other = await createTestDatabase();
    const observer = postgres(other.url, { max: 1 });
    const name = new URL(database.url).pathname.slice(1);
    expect(await observer`select 1 from pg_database where datname = ${name}`).toHaveLength(0);
    await observer.end();
  });
});

describe('startTestRedis', () => {
  test('what was acknowledged before a kill -9 is there after the restart, under the same address', async () => {
    await using redis = await startTestRedis();
    await using client = disposable(new Redis(redis.url, { maxRetriesPerRequest: null }));
    client.on('error', () => {});
    await client.set('kept', 'yes');
    const before = redis.pid;
    await redis.kill();
    await redis.start();
    expect(redis.pid).not.toBe(before);
    expect(await client.get('kept')).toBe('yes');
    expect(await client.config('GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ]);
  });
});

describe('waitFor', () => {
  test('its error says what was awaited, and why it did not come', async () => {
    const never = waitFor(
      'the moon',
      () => {
        throw new Error('clouds');
      },
      { timeoutMs: 1 },
    );
    await expect(never).rejects.toThrow('waited 1 ms in vain for the moon: clouds');
  });
});

const disposable = (client: Redis) =>
  Object.assign(client, { [Symbol.asyncDispose]: async () => client.disconnect() });
