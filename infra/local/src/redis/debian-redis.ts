import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { RedisBinary } from './find-redis.ts';

const run = promisify(execFile);
const aptTimeoutMs = 120_000;

/** Either will do; the server's binary lies in the package of its tools. */
const choices = [
  ['redis-server', 'redis-tools'],
  ['valkey-server', 'valkey-tools'],
];

/** The server in a folder that `fetchDebianRedis` filled; undefined when there is none. */
export async function findUnpackedRedis(folder: string): Promise<RedisBinary | undefined> {
  for (const [name = ''] of choices) {
    const command = join(folder, 'usr', 'bin', name);
    if (!existsSync(command)) continue;
    const libraries = ['usr/lib', 'lib'].map((path) => join(folder, path));
    const triplets = await Promise.all(libraries.map(foldersIn));
    return { command, env: { LD_LIBRARY_PATH: triplets.flat().join(':') } };
  }
  return undefined;
}

/**
 * Fetches the distribution's own package with what it needs beyond what this machine has, and unpacks it into
 * `folder`. Nothing is installed and no root is needed: apt keeps its lists beside it. Complete or not there.
 */
export async function fetchDebianRedis(folder: string): Promise<RedisBinary> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    const lists = join(work, 'lists');
    const cache = join(work, 'cache');
    await mkdir(join(lists, 'partial'), { recursive: true });
    await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
    await mkdir(join(work, 'debs'));
    const options = [
      `-oDir::State::Lists=${lists}`,
      `-oDir::Cache=${cache}`,
      '-oDebug::NoLocking=1',
      '-oAPT::Sandbox::User=', // its own account may not write below our folder
      '-oAPT::Update::Error-Mode=any', // else an update without network counts as done
      '-q',
    ];
    const apt = async (...args: string[]) =>
      (await run('apt-get', [...options, ...args], execOptions(join(work, 'debs')))).stdout;
    await apt('update');
    await apt('download', ...(await resolvePackages(apt)));
    const root = join(work, 'root');
    for (const name of await readdir(join(work, 'debs'))) {
      await run('dpkg', ['-x', join(work, 'debs', name), root], execOptions(work));
    }
    const unpacked = await findUnpackedRedis(root);
    if (!unpacked) throw new Error('its package holds no server');
    await run(unpacked.command, ['--version'], { ...execOptions(work), env: unpacked.env });
    await rename(root, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error; // else another start was quicker
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const unpacked = await findUnpackedRedis(folder);
  if (!unpacked) throw new Error(`${folder} holds no server`);
  return unpacked;
}

/** `name=version` of the package and of every dependency that this machine lacks, as apt would install them. */
async function resolvePackages(apt: (...args: string[]) => Promise<string>): Promise<string[]> {
  let failure: unknown;
  for (const names of choices) {
    try {
      // --reinstall: one that counts as installed, but is not in PATH, is fetched as well.
      const plan = await apt('-s', 'install', '--reinstall', '--no-install-recommends', ...names);
      const packages = [...plan.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /gm)];
      if (packages.length > 0) return packages.map(([, name, version]) => `${name}=${version}`);
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('apt-get offers neither redis-server nor valkey-server', { cause: failure });
}

const execOptions = (cwd: string) => ({
  cwd,
  timeout: aptTimeoutMs,
  env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  maxBuffer: 16 * 1024 * 1024,
});

/** `usr/lib/x86_64-linux-gnu` and the like. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter(({ name }) => name.includes('-linux-')).map(({ name }) => join(path, name));
}
