import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startChild, startPostgres } from '@reliable-ops/local';
import { createTemporaryFolder } from '@reliable-ops/testkit';
import postgres from 'postgres';
import { findPostgresAccount } from '../src/postgres/account.ts';

async function ask<T extends object>(url: string, statement: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe<T[]>(statement);
  } finally {
    await sql.end();
  }
}

test('what was committed before a kill -9 is there after the next start', async () => {
  await using home = await createTemporaryFolder('postgres');
  const dataFolder = join(home.path, 'postgres');
  const first = await startPostgres({ dataFolder });
  await ask(first.url, 'create table kept as select 1 as n');
  first.kill('SIGKILL');
  await first.exited;
  await using second = await startPostgres({ dataFolder });
  expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
});

test('a postmaster.pid whose number belongs to another process by now stops nobody', async () => {
  await using home = await createTemporaryFolder('postgres');
  const dataFolder = join(home.path, 'postgres');
  await (await startPostgres({ dataFolder, fast: true })).stop();
  // One that Postgres itself takes for a rival: of its own account, and not its parent.
  await using other = await startChild({
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    cwd: '/',
    ...findPostgresAccount(),
  });
  await writeFile(join(dataFolder, 'postmaster.pid'), `${other.pid}\n${dataFolder}\n`);
  await using server = await startPostgres({ dataFolder, fast: true });
  expect(await ask(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  expect(other.running).toBe(true);
});

test('two run side by side, and neither knows the password of the other', async () => {
  await using home = await createTemporaryFolder('postgres');
  await using one = await startPostgres({ dataFolder: join(home.path, 'postgres'), fast: true });
  await using other = await startPostgres({ dataFolder: join(home.path, 'other'), fast: true });
  const stranger = new URL(one.url);
  stranger.password = new URL(other.url).password;
  await expect(ask(stranger.href, 'select 1')).rejects.toThrow('password authentication failed');
  expect(await ask(other.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});
