import { execFileSync, spawnSync } from 'node:child_process';
import { StackError } from '../stack-error.ts';

/** Who Postgres runs as: empty when that is us. */
export interface Account {
  uid?: number;
  gid?: number;
}

/**
 * Postgres refuses to run as root. Root lends it the account `postgres`, else `nobody`, which every system
 * has: initdb insists on an account with a name, and creating one would change the machine.
 */
export function findPostgresAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const ask = (flag: string) =>
        Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: ask('-u'), gid: ask('-g') };
    } catch {
      continue;
    }
  }
  throw new StackError(
    'Postgres must not run as root, and this machine has neither a user "postgres" nor "nobody": run as an ordinary user, or set DATABASE_URL',
  );
}

/** Whether that account can do `-r`, `-w` or `-x` to each path. The system is asked, not the modes: ACLs count too. */
export function canReach(account: Account, test: '-r' | '-w' | '-x', ...paths: string[]): boolean {
  return paths.every(
    (path) =>
      spawnSync('/bin/sh', ['-c', `test ${test} "$1"`, 'sh', path], {
        cwd: '/',
        stdio: 'ignore',
        ...account,
      }).status === 0,
  );
}
