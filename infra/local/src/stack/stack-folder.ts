import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, startTimeOf } from '../processes/identity.ts';
import { StackError } from '../stack-error.ts';

/** One line of `.local/stack.json`. */
export interface StackProcess {
  name: string;
  /** null while it is on its way back. */
  pid: number | null;
  url: string | null;
}

interface Owner {
  pid: number;
  startedAt: string;
  children: { pid: number; startedAt: string }[];
}

/** `.local/`: who runs a stack here, and what it runs. */
export interface StackFolder {
  path: string;
  /** Writes stack.json. */
  publish(processes: StackProcess[]): void;
  /** stack.json goes; somebody else may start here. */
  leave(): void;
}

/**
 * Takes the folder for this process. What a killed stack has left running is ended first; only what is really its own,
 * since numbers of processes come round again. Throws StackError where a living stack has it.
 */
export async function enterStackFolder(path: string): Promise<StackFolder> {
  mkdirSync(path, { recursive: true });
  const ownerFile = join(path, 'supervisor.json');
  const stackFile = join(path, 'stack.json');
  const owner: Owner = {
    pid: process.pid,
    startedAt: startTimeOf(process.pid) ?? '',
    children: [],
  };

  const earlier = readOwner(ownerFile);
  if (earlier && startTimeOf(earlier.pid) === earlier.startedAt)
    throw new StackError(
      `a stack runs here already (process ${earlier.pid}): stop it first, with Ctrl-C or kill ${earlier.pid}`,
    );
  if (earlier) rmSync(ownerFile, { force: true });
  try {
    writeFileSync(ownerFile, JSON.stringify(owner), { flag: 'wx' });
  } catch (cause) {
    throw new StackError('another stack is starting here right now: stop it first', { cause });
  }
  await Promise.all((earlier?.children ?? []).map((child) => endProcess(child)));

  return {
    path,
    publish(processes) {
      owner.children = processes.flatMap(({ pid }) => {
        const startedAt = pid === null ? undefined : startTimeOf(pid);
        return pid === null || startedAt === undefined ? [] : [{ pid, startedAt }];
      });
      replaceFile(ownerFile, JSON.stringify(owner));
      replaceFile(stackFile, `${JSON.stringify({ processes }, null, 2)}\n`);
    },
    leave() {
      rmSync(stackFile, { force: true });
      rmSync(ownerFile, { force: true });
    },
  };
}

/** Undefined where nobody was here, or only half a file is. */
function readOwner(path: string): Owner | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return { pid: 0, startedAt: 'unknown', children: [] };
  }
}

/** A reader sees the old text or the new one, never half of it. */
function replaceFile(path: string, text: string): void {
  const next = `${path}.${process.pid}.tmp`;
  writeFileSync(next, text);
  renameSync(next, path);
}
