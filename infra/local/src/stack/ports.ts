import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { commandLineOf } from '../processes/identity.ts';
import { findFreePort, whyNotListen } from '../processes/port.ts';
import { StackError } from '../stack-error.ts';

export interface WantedPort {
  /** The variable that sets it. */
  variable: string;
  host: string;
  /** 0: any free one. */
  port: number;
}

/** The port to use. Throws StackError, with who is in the way, when nothing could listen there. */
export async function claimPort({ variable, host, port }: WantedPort): Promise<number> {
  if (port === 0) return findFreePort();
  const reason = await whyNotListen(host.replaceAll(/^\[|\]$/g, ''), port);
  if (reason === undefined) return port;
  if (reason === 'EADDRINUSE') {
    throw new StackError(
      `port ${port} on ${host} is in use${describeListener(port)}: stop what listens there, or set ${variable}`,
    );
  }
  if (reason === 'EACCES') {
    throw new StackError(`port ${port} may not be opened by this user: set ${variable}`);
  }
  throw new StackError(`nothing can listen on ${host}, port ${port} (${reason}): see ${variable}`);
}

/** For each of `count` the next port from `port` on, as long as nothing listens there; else 0: any. So is each where `port` is 0. */
export async function offerPorts(host: string, port: number, count: number): Promise<number[]> {
  const wanted = Array.from({ length: count }, (_, n) => (port === 0 ? 0 : port + n));
  const address = host.replaceAll(/^\[|\]$/g, '');
  return Promise.all(
    wanted.map(async (one) =>
      one > 0 && one <= 65_535 && (await whyNotListen(address, one)) === undefined ? one : 0,
    ),
  );
}

/** ` by process 12 (nginx ...)`, where the system tells; else nothing. */
function describeListener(port: number): string {
  const pid = findListener(port);
  if (pid === undefined) return '';
  const command = commandLineOf(pid) ?? '';
  return ` by process ${pid}${command === '' ? '' : ` (${command.slice(0, 80)})`}`;
}

function findListener(port: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const sockets = ['tcp', 'tcp6'].flatMap((table) => listeningSockets(table, port));
    if (sockets.length === 0) return undefined;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => openFiles(pid).some((file) => sockets.includes(file)));
  } catch {
    return undefined;
  }
}

/** `socket:[inode]` of those that listen on the port; the table's columns are described in proc(5). */
function listeningSockets(table: string, port: number): string[] {
  const listening = '0A';
  const address = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(`/proc/net/${table}`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(address) === true && fields[3] === listening)
    .map((fields) => `socket:[${fields[9]}]`);
}

/** What the process has open; nothing where we may not look. */
function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}
