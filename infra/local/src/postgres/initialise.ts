import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../processes/child.ts';
import { StackError } from '../stack-error.ts';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';

export const postgresUser = 'rops';

/** Kept inside the cluster, so that the two are made and discarded together. Readable by its account and root only. */
const passwordFile = 'rops.password';

/** Nothing of ours: PGDATA, PGPORT and the like would lead Postgres astray. */
export const postgresEnvironment = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

/**
 * Makes the cluster unless there is one, and answers its password. It is made under another name and renamed when
 * complete: a killed start leaves no half of it. Throws StackError for a folder that holds something else.
 */
export async function initialisePostgres(
  folder: string,
  { initdb, major }: PostgresBinaries,
  account: Account,
  { fast }: { fast: boolean },
): Promise<string> {
  if (await isCluster(folder, major)) {
    return (await readFile(join(folder, passwordFile), 'utf8')).trim();
  }
  const password = randomBytes(18).toString('base64url');
  const unfinished = `${folder}.new`;
  const passwordSource = join(unfinished, passwordFile);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(join(unfinished, 'data'), { recursive: true, mode: 0o700 });
  await writeFile(passwordSource, `${password}\n`, { mode: 0o600 });
  await give(account, unfinished, join(unfinished, 'data'), passwordSource);

  const lines: string[] = [];
  const data = join(unfinished, 'data');
  const child = await startChild({
    command: initdb,
    args: [
      `--pgdata=${data}`,
      `--username=${postgresUser}`,
      `--pwfile=${passwordSource}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of text on every machine, without asking the system for a locale.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(fast ? ['--no-sync'] : []),
    ],
    env: postgresEnvironment,
    cwd: '/',
    ...account,
    onLine: (line) => lines.push(line),
  });
  const { code } = await child.closed;
  if (code !== 0) {
    throw new StackError(
      `Postgres could not make its data folder ${folder}: ${lines.filter((line) => /error|fatal/i.test(line)).join('; ') || lines.slice(-2).join('; ')}`,
    );
  }
  await rename(passwordSource, join(data, passwordFile));
  await rm(folder, { recursive: true, force: true });
  await rename(data, folder);
  await rm(unfinished, { recursive: true, force: true });
  return password;
}

/** Whether a cluster is there; false for nothing or an empty folder. */
async function isCluster(folder: string, major: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  if (!found) return false;
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined || !existsSync(join(folder, passwordFile))) {
    throw new StackError(`${folder} is no data folder of Postgres: ${remedy}`);
  }
  if (version.trim() !== major) {
    throw new StackError(
      `${folder} was made by Postgres ${version.trim()}, this is ${major}: ${remedy}`,
    );
  }
  return true;
}

export const remedy = 'start with --fresh to discard it';

async function give({ uid, gid }: Account, ...paths: string[]): Promise<void> {
  if (uid === undefined || gid === undefined) return;
  for (const path of paths) await chown(path, uid, gid);
}
