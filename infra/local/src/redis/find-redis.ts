import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { StackError } from '../stack-error.ts';
import { fetchDebianRedis, findUnpackedRedis } from './debian-redis.ts';

export interface RedisBinary {
  command: string;
  /** What the process needs on top of PATH. */
  env: NodeJS.ProcessEnv;
}

export interface FindRedisOptions {
  /** Where a fetched package is unpacked, and found again: `.local/redis-package`. */
  packageFolder: string;
  /** Told once, before anything is fetched. */
  say?: (line: string) => void;
}

const names = ['redis-server', 'valkey-server'];

/**
 * A Redis to start: from PATH, else one unpacked earlier, else (Debian, Ubuntu) the distribution's package, fetched and unpacked
 * without installing it. Throws StackError with the command that installs it here.
 */
export async function findRedis({
  packageFolder,
  say = () => {},
}: FindRedisOptions): Promise<RedisBinary> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of names) {
      const command = join(folder, name);
      if (folder !== '' && (await isExecutable(command))) return { command, env: {} };
    }
  }
  const unpacked = await findUnpackedRedis(packageFolder);
  if (unpacked) return unpacked;

  const { family, install } = await describeSystem();
  const offer = `install it (${install}), or set REDIS_URL`;
  if (family !== 'debian') throw new StackError(`there is no redis-server in PATH: ${offer}`);
  say("redis: none in PATH; fetching the distribution's package into .local/");
  try {
    return await fetchDebianRedis(packageFolder);
  } catch (cause) {
    throw new StackError(
      `there is no redis-server in PATH, and its package could not be fetched (${firstComplaint(cause)}): ${offer}`,
      { cause },
    );
  }
}

/** One line of what a failed command wrote: apt marks its errors with `E:`, and names the cause first. */
function firstComplaint(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split('\n');
  return (lines.find((line) => line.startsWith('E: ')) ?? lines[0] ?? '')
    .replace(/^E: /, '')
    .trim();
}

const isExecutable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

const installCommands: Record<string, string> = {
  debian: 'apt-get install redis-server',
  ubuntu: 'apt-get install redis-server',
  fedora: 'dnf install valkey',
  rhel: 'dnf install valkey',
  centos: 'dnf install valkey',
  alpine: 'apk add redis',
  arch: 'pacman -S valkey',
  suse: 'zypper install redis',
  opensuse: 'zypper install redis',
  darwin: 'brew install redis',
};

async function describeSystem(): Promise<{ family: string; install: string }> {
  const ids = process.platform === 'linux' ? await linuxIds() : [process.platform];
  const known = ids.find((id) => id in installCommands);
  const family = ids.some((id) => id === 'debian' || id === 'ubuntu')
    ? 'debian'
    : (known ?? 'other');
  const install = installCommands[known ?? ''] ?? 'the package is called redis or valkey';
  return { family, install: known === 'darwin' ? install : asRoot(install) };
}

const asRoot = (command: string) =>
  process.getuid?.() === 0 || command.includes('called') ? command : `sudo ${command}`;

async function linuxIds(): Promise<string[]> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const ids = [...text.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)];
  // ID before ID_LIKE: the system's own name says more than its family's.
  const ordered = ids.sort(([a]) => (a.startsWith('ID=') ? -1 : 1));
  return ordered.flatMap(([, value = '']) => value.split(' '));
}
