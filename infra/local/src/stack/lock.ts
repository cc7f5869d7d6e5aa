import { randomUUID } from 'node:crypto';
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
    // A link appears complete or not at all, and fails where another was quicker.
    while (!(await link(draft, path).then(() => true, isTaken))) await takeOver(path);
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

function isTaken(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false;
  throw error;
}

const identityOf = (pid: number): Identity | undefined => {
  const startedAt = startTimeOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
};
const isIdentified = <T extends object>(child: T | (T & Identity)): child is T & Identity =>
  'pid' in child;

async function takeOver(path: string): Promise<void> {
  const content = await readLock(path);
  if (content && startTimeOf(content.supervisor.pid) === content.supervisor.startedAt) {
    throw new StackError(
      `a stack runs here already (process ${content.supervisor.pid}): use it, or stop it first`,
    );
  }
  // Renamed before anything is ended: of two that find it, one gets it.
  const stale = `${path}.${randomUUID()}`;
  const mine = await rename(path, stale).then(
    () => true,
    () => false,
  );
  if (!mine) return;
  const taken = await readLock(stale);
  if (taken && startTimeOf(taken.supervisor.pid) === taken.supervisor.startedAt) {
    // It was renewed between our look and our grip: it goes back.
    await link(stale, path).catch(() => {});
    await rm(stale, { force: true });
    return;
  }
  try {
    if (taken) await endOrphans(taken.children);
  } finally {
    await rm(stale, { force: true });
  }
}

async function readLock(path: string): Promise<LockContent | undefined> {
  try {
    const content = JSON.parse(await readFile(path, 'utf8')) as LockContent;
    return Array.isArray(content.children) && content.supervisor ? content : undefined;
  } catch {
    return undefined;
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
