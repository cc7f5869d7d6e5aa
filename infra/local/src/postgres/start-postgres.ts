import { waitAtMost } from '@reliable-ops/runtime';
import { startChild, type Child } from '../processes/child.ts';
import { findFreePort } from '../processes/port.ts';
import { serverOf, type LocalServer } from '../processes/server.ts';
import { StackError } from '../stack-error.ts';
import { findPostgresAccount } from './account.ts';
import { preparePostgresBinaries } from './binaries.ts';
import { placeDataFolder } from './data-folder.ts';
import { endLeftover } from './leftover.ts';
import { initialisePostgres, postgresEnvironment, postgresUser, remedy } from './initialise.ts';

export interface StartPostgresOptions {
  /** Made when missing. The caller sees to it that nobody else uses it; what a killed start left running in it is ended. */
  dataFolder: string;
  /** Default: a free one. */
  port?: number;
  /** For tests: nothing is flushed to disk, a stop is abrupt, and what a crash of the machine leaves is worthless. */
  fast?: boolean;
  onLine?: (line: string) => void;
}

/** A running Postgres; its databases are reached with `url`, which names the database `postgres`. */
export type Postgres = LocalServer;

const startTimeoutMs = 60_000;
const portAttempts = 5;

/** Throws StackError where a person can help: a broken data folder, a platform without binaries. */
export async function startPostgres(options: StartPostgresOptions): Promise<Postgres> {
  const { fast = false } = options;
  const account = findPostgresAccount();
  const binaries = await preparePostgresBinaries(account);
  const folder = await placeDataFolder(options.dataFolder, account);
  const password = await initialisePostgres(folder, binaries, account, { fast });
  await endLeftover(folder);

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const started = await launch({ ...options, port, folder, command: binaries.postgres, account });
    if ('child' in started)
      return serverOf(started.child, {
        url: `postgres://${postgresUser}:${password}@127.0.0.1:${port}/postgres`,
        port,
      });
    // Somebody took the port first, or backends of a killed Postgres are still leaving.
    const passing = /in use/.test(started.reason) && options.port === undefined;
    if (passing && attempt < portAttempts) continue;
    throw new StackError(
      `Postgres does not start on ${options.dataFolder} (${started.reason}): ${/could not bind/i.test(started.reason) ? 'choose another port' : remedy}`,
    );
  }
}

interface Launch extends StartPostgresOptions {
  port: number;
  folder: string;
  command: string;
  account: ReturnType<typeof findPostgresAccount>;
}

async function launch({
  folder,
  port,
  fast = false,
  onLine = () => {},
  command,
  account,
}: Launch): Promise<{ child: Child } | { reason: string }> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    // TCP only: a socket in the temporary folder would meet those of others.
    unix_socket_directories: '',
    max_connections: 200,
    lc_messages: 'C',
    jit: 'off',
    ...(fast && {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      wal_level: 'minimal',
      max_wal_senders: 0,
      io_method: 'sync',
    }),
  };
  const complaints: string[] = [];
  let announceReady = (): void => {};
  const ready = new Promise<true>((resolve) => {
    announceReady = () => resolve(true);
  });
  const child = await startChild({
    command,
    args: [
      '-D',
      folder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: postgresEnvironment,
    cwd: '/',
    ...account,
    // Fast shutdown: SIGTERM would wait until the last client has gone.
    stopSignal: fast ? 'SIGQUIT' : 'SIGINT',
    onLine: (line) => {
      if (/ready to accept connections/.test(line)) announceReady();
      else if (/FATAL|PANIC|ERROR|could not bind/.test(line)) complaints.push(line);
      onLine(line);
    },
  });
  const first = await waitAtMost(startTimeoutMs, Promise.race([ready, child.closed]));
  if (first === true) return { child };
  await child.stop();
  const reason = complaints.map((line) => line.replace(/^.*?(FATAL|PANIC|ERROR|LOG):\s*/, ''));
  return { reason: [...new Set(reason)].join('; ') || 'no answer within a minute' };
}
