import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, startTimeOf } from '../processes/identity.ts';
import { StackError } from '../stack-error.ts';

/** A process, named for good: numbers come round again, a number with its start time does not. */
interface Identity {
  pid: number;
  startedAt: string;
}

interface LockContent {
  supervisor: Identity;
  children: (Identity & { name: string })[];
}

/** The right to run the stack of this folder. Held by a file that names who holds it and what he has started. */
export interface StackLock {
  /** Who takes over after a kill -9 of us ends these first. */
  recordChildren(children: { name: string; pid: number }[]): void;
  release(): Promise<void>;
}

/**
 * Takes the lock of `folder` (`.local`). One that a dead supervisor left is taken over, and what it left
 * running is ended. Throws StackError when a stack runs there.
 */
export async function takeStackLock(folder: string): Promise<StackLock> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'stack.lock');
  const supervisor = identityOf(process.pid);
  if (!supervisor) throw new Error('this process cannot tell when it was started');
  const write = (to: string, children: LockContent['children']) =>
    writeFileSync(to, JSON.stringify({ supervisor, children }), { mode: 0o600 });

  const draft = `${path}.${randomUUID()}`;
  write(draft, []);
  try {
    await put(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    recordChildren(children) {
      const known = children.map(({ name, pid }) => ({ name, ...identityOf(pid) }));
      write(draft, known.filter(isIdentified));
      renameSync(draft, path);
    },
    release: () => rm(path, { force: true }),
  };
}

const identityOf = (pid: number): Identity | undefined => {
  const startedAt = startTimeOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
};
const isIdentified = <T extends object>(child: T | (T & Identity)): child is T & Identity =>
  'pid' in child;

/** Puts the lock that lies at `draft` to `path`, over one that a dead process has left there. Throws StackError where a live one has it. */
async function put(draft: string, path: string): Promise<void> {
  // A link appears complete or not at all, and fails where another was quicker.
  while (!(await link(draft, path).then(() => true, isTaken))) {
    const found = await readLock(path);
    if (found === 'gone') continue;
    if (found && isAlive(found.supervisor))
      throw new StackError(
        `a stack runs here already (process ${found.supervisor.pid}): use it, or stop it first`,
      );
    // Of many that find it, one at a time has the lock that is called after it, and only he replaces it.
    const turn = turnOf(path, found);
    await put(draft, turn);
    try {
      const standing = await readLock(path);
      if (standing === 'gone' || turnOf(path, standing) !== turn) continue;
      if (standing) await endOrphans(standing.children);
      const own = `${path}.${randomUUID()}`;
      await link(draft, own);
      await rename(own, path);
      return;
    } finally {
      await rm(turn, { force: true });
    }
  }
}

function isTaken(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false;
  throw error;
}

const isAlive = ({ pid, startedAt }: Identity): boolean => startTimeOf(pid) === startedAt;

/** The lock of who may replace the one at `path` that a dead process has left. */
export function turnOf(path: string, left: Pick<LockContent, 'supervisor'> | undefined): string {
  const hash = createHash('sha256').update(JSON.stringify(left?.supervisor ?? null));
  return `${path}.${hash.digest('hex').slice(0, 16)}`;
}

/** Undefined: it cannot be read as a lock. */
async function readLock(path: string): Promise<LockContent | 'gone' | undefined> {
  try {
    const content = JSON.parse(await readFile(path, 'utf8')) as LockContent;
    return Array.isArray(content.children) && content.supervisor ? content : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : undefined;
  }
}

/** Those who use Postgres and Redis first, then these two. */
async function endOrphans(children: LockContent['children']): Promise<void> {
  const servers = new Set(['redis', 'postgres']);
  const end = async (child: LockContent['children'][number]) => {
    // Postgres takes SIGTERM as "when the last client has left".
    const signal = child.name === 'postgres' ? 'SIGINT' : 'SIGTERM';
    if (await endProcess(child, { signal })) return;
    throw new StackError(
      `process ${child.pid} (${child.name}) of an earlier stack still runs and cannot be ended by this user: end it first`,
    );
  };
  await Promise.all(children.filter(({ name }) => !servers.has(name)).map(end));
  await Promise.all(children.filter(({ name }) => servers.has(name)).map(end));
}
