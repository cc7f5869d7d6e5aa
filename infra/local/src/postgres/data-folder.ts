import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { canReach, type Account } from './account.ts';
import { endLeftover } from './leftover.ts';

/**
 * Where data goes that Postgres's own account could not reach in the checkout: root's home is closed to
 * it. The data folder that was asked for (`.local/postgres`) is then a symlink to a folder in here, and decides over it: without
 * the symlink the data counts as discarded.
 */
const elsewhere = '/var/lib/reliable-ops';

/** The folder that holds (or will hold) the cluster, in a place that `account` can reach. Its parent exists. */
export async function placeDataFolder(dataFolder: string, account: Account): Promise<string> {
  const wanted = resolve(dataFolder);
  await mkdir(dirname(wanted), { recursive: true });
  if (account.uid === undefined) return wanted;
  const target = join(
    elsewhere,
    `${basename(wanted)}-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`,
  );
  if ((await linkTarget(wanted)) === target && existsSync(target)) return target;
  if (canReach(account, '-x', dirname(wanted))) return wanted;

  await mkdir(elsewhere, { recursive: true });
  await chmod(elsewhere, 0o755);
  await removeForgotten();
  if (await isFile(wanted)) return wanted; // a broken data folder: Postgres's start will say so
  await rm(target, { recursive: true, force: true });
  await writeFile(`${target}.owner`, wanted);
  await rm(wanted, { recursive: true, force: true });
  await symlink(target, wanted);
  return target;
}

/** Removes the cluster, wherever it is; what still runs in it is ended first. */
export async function discardDataFolder(dataFolder: string): Promise<void> {
  const wanted = resolve(dataFolder);
  const target = await linkTarget(wanted);
  await endLeftover(target ?? wanted);
  if (target !== undefined && dirname(target) === elsewhere) {
    for (const path of [target, `${target}.new`, `${target}.owner`]) {
      await rm(path, { recursive: true, force: true });
    }
  }
  await rm(wanted, { recursive: true, force: true });
  await rm(`${wanted}.new`, { recursive: true, force: true });
}

/** Clusters whose checkout has been deleted since: nobody else would ever remove them. */
async function removeForgotten(): Promise<void> {
  for (const name of await readdir(elsewhere)) {
    if (!name.endsWith('.owner')) continue;
    const target = join(elsewhere, name.slice(0, -'.owner'.length));
    const owner = await readFile(`${target}.owner`, 'utf8').catch(() => '');
    if (owner !== '' && (await linkTarget(owner)) === target) continue;
    if (existsSync(join(target, 'postmaster.pid'))) continue; // may still run
    for (const path of [target, `${target}.new`, `${target}.owner`]) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

const linkTarget = (path: string) => readlink(path).catch(() => undefined);
const isFile = async (path: string) =>
  (await lstat(path).catch(() => undefined))?.isFile() === true;
