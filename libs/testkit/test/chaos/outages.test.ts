import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open, rm, symlink } from 'node:fs/promises';
import { afterEach, expect, test } from '@jest/globals';
import { startPostgres } from '@reliable-ops/local';
import postgres from 'postgres';
import { check } from '../../src/chaos/check.ts';
import { makeRequest, type RequestRecord } from '../../src/chaos/client.ts';
import { createJournal, type Journal } from '../../src/chaos/journal.ts';
import { readState } from '../../src/chaos/state.ts';
import { startChaosSystem, type ChaosSystem } from '../../src/chaos/system.ts';
import { createTemporaryFolder, nodeNames, waitFor } from '../../src/index.ts';

const disposables: AsyncDisposable[] = [];
let system: ChaosSystem;
let journal: Journal;
let record: RequestRecord[];

/** On a Postgres of its own, which its supervisor starts again should it end. */
async function start(dataFolder?: string): Promise<void> {
  record = [];
  journal = createJournal();
  system = await startChaosSystem({
    seed: 1,
    workers: 1,
    env: {},
    journal,
    restartDelayMs: () => 200,
    proxy: { lateMs: [0, 0], repeatMs: 0, holdMs: 0 },
    ...(dataFolder === undefined ? {} : { dataFolder }),
  });
  disposables.push(system);
}
afterEach(async () => {
  for (let last = disposables.pop(); last; last = disposables.pop())
    await last[Symbol.asyncDispose]();
});

/** One request of `count` creates; what came of it goes into the record. */
async function post(count: number, repeats: RequestRecord['repeats'] = 'never') {
  const n = record.length;
  const made = await makeRequest(
    {
      atMs: 0,
      form: 'batch',
      saga: 'create-group',
      groupIds: Array.from({ length: count }, (_, index) => `${'x'.repeat(100)}-${n}-${index}`),
      idempotencyKey: `request-${n}`,
      repeats,
    },
    { orchestratorUrl: system.orchestratorUrl, giveUp: AbortSignal.timeout(60_000) },
  );
  record.push(made);
  return made;
}

/** Asks again for all that had no answer, with the same keys, and then sees every saga end and every table agree. */
async function expectAllToEnd(): Promise<void> {
  const { orchestratorUrl } = system;
  const giveUp = AbortSignal.timeout(60_000);
  const silent = record.filter(({ batchIds }) => batchIds.length === 0);
  for (const request of silent)
    record.push(
      await makeRequest({ ...request, repeats: 'until answered' }, { orchestratorUrl, giveUp }),
    );
  const sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await waitFor(
      'every saga to end',
      async () => {
        const [left] = await sql`select count(*)::int as n from saga.sagas where ended_at is null`;
        return left!['n'] === 0;
      },
      { timeoutMs: 60_000, explain: () => journal.tails(20) },
    );
    const state = await readState(sql, nodeNames);
    expect(check(state, record)).toEqual([]);
    expect(journal.alarms()).toEqual([]);
    const asked = new Set(record.flatMap(({ groupIds }) => groupIds)).size;
    expect(state.sagas.filter(({ status }) => status === 'completed')).toHaveLength(asked);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Sagas are under way, and stay it for a while. */
async function keepSomeUnderWay(): Promise<void> {
  for (const node of nodeNames)
    await fetch(`${system.nodeApiUrl}/v1/faults/${node}`, {
      method: 'PUT',
      body: JSON.stringify({ delayMs: 500 }),
    });
  await post(200, 'until answered');
}

const isAway = ({ silences }: RequestRecord): boolean => silences.includes('503 POSTGRES_AWAY');

test('P2, P7: while Postgres is read-only nothing is acknowledged, with 503; afterwards everything goes on by itself', async () => {
  await start();
  await keepSomeUnderWay();
  const sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
    await sql`set default_transaction_read_only = off`;
    await sql.unsafe(`alter system set default_transaction_read_only = ${value}`);
    await sql`select pg_reload_conf()`;
  };
  try {
    await setReadOnly('on');
    await waitFor('a request to be refused', async () => isAway(await post(10)));
    for (let n = 0; n < 20; n++) {
      const { batchIds, silences } = await post(10);
      expect({ batchIds, silences }).toEqual({ batchIds: [], silences: ['503 POSTGRES_AWAY'] });
    }
    await setReadOnly('off');
  } finally {
    await sql.end({ timeout: 5 });
  }
  await expectAllToEnd();
}, 120_000);

/** A file system of its own that can be filled up; undefined where mounting is not permitted. */
async function mountSmallDisk(
  megabytes: number,
): Promise<{ path: string; grow(megabytes: number): void } | undefined> {
  const folder = await createTemporaryFolder('disk');
  const path = `${folder.path}/disk`;
  await mkdir(path);
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { stdio: 'ignore' });
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path);
  } catch {
    await folder[Symbol.asyncDispose]();
    return undefined;
  }
  disposables.push(folder, {
    async [Symbol.asyncDispose]() {
      run('umount', '-l', path);
    },
  });
  await chmod(path, 0o755);
  return {
    path,
    grow: (to) => run('mount', '-o', `remount,size=${to}m`, path),
  };
}

/** Writes until there is no room for another byte. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    // The last write that finds some room is a short one.
    for (const block = Buffer.alloc(64 * 1024); ;) await file.write(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

test('P2, P7: on a full disk nothing is acknowledged that could be lost, with 503; with room again everything goes on by itself', async () => {
  const disk = await mountSmallDisk(160);
  if (disk === undefined) return sayThatItIsSkipped();
  await start(`${disk.path}/postgres`);
  await keepSomeUnderWay();
  const ballast = `${disk.path}/ballast`;
  await fill(ballast);
  // Pages and log segments that Postgres has already got take some more.
  await waitFor('a request to be refused', async () => isAway(await post(500)), {
    timeoutMs: 60_000,
    explain: () => journal.tails(20),
  });
  await fill(ballast);
  for (let n = 0; n < 20; n++) await post(200);
  await rm(ballast);
  await expectAllToEnd();
}, 180_000);

test('P2, P7: a full disk of the write-ahead log ends Postgres; with room again its supervisor gets it going, and everything ends', async () => {
  const disk = await mountSmallDisk(40);
  if (disk === undefined) return sayThatItIsSkipped();
  const folder = await createTemporaryFolder('wal');
  disposables.unshift(folder);
  const dataFolder = `${folder.path}/postgres`;
  await (await startPostgres({ dataFolder })).stop();
  const log = `${dataFolder}/pg_wal`;
  execFileSync('cp', ['-a', log, `${disk.path}/pg_wal`]);
  await rm(log, { recursive: true });
  await symlink(`${disk.path}/pg_wal`, log);

  await start(dataFolder);
  await keepSomeUnderWay();
  const sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  await sql`create table ballast (text text)`;
  await waitFor(
    'Postgres to end',
    async () => {
      await post(20);
      await sql`insert into ballast select md5(n::text) from generate_series(1, 20000) as n`.catch(
        () => {},
      );
      return (system.restarts().get('postgres') ?? 0) > 0;
    },
    { timeoutMs: 60_000, explain: () => journal.tails(20) },
  );
  await sql.end({ timeout: 1 });
  await waitFor('a request to be refused', async () => isAway(await post(10)), {
    timeoutMs: 30_000,
  });
  disk.grow(600);
  await expectAllToEnd();
}, 180_000);

function sayThatItIsSkipped(): void {
  process.stderr.write('skipped: this user may not mount a small disk to fill up\n');
}
