import { types } from 'node:util';
import postgres from 'postgres';
import { appliedMigrations, knownMigrations } from './migrate.ts';

export type Sql = postgres.Sql<{ bigint: number }>;

/** int8 as a JavaScript number: every bigint of ours stays far below 2^53. */
const bigintAsNumber = {
  to: 20,
  from: [20],
  serialize: (value: number) => String(value),
  parse: (text: string) => Number(text),
};

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Connections in the pool; default 5. */
  max?: number;
}

/**
 * A pool on `url`. Opens nothing until the first query.
 * Never `reserve()` on it: a backend that dies then takes the process down (porsager/postgres#1154).
 */
export function connect(url: string, { applicationName, max = 5 }: ConnectOptions): Sql {
  return postgres(url, {
    max,
    idle_timeout: 300,
    max_lifetime: 1800,
    connect_timeout: 5,
    // Seconds. The driver's own grows to 20: long after Postgres is back, queries would still wait for it.
    backoff: (attempt) => Math.min(1, 0.05 * 2 ** attempt),
    onnotice: () => {},
    types: { bigint: bigintAsNumber },
    connection: {
      application_name: applicationName,
      // Every statement of ours goes by an index, whatever its parameters: one plan will do, and arrays of thousands are not
      // planned anew each time.
      plan_cache_mode: 'force_generic_plan',
      random_page_cost: 1.1,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 15_000,
      lock_timeout: 10_000,
    },
  });
}

/** The Postgres error behind any wrapping (drizzle's, ours), if there is one: `code` is its SQLSTATE or driver code. */
export function postgresErrorOf(error: unknown): { code: string; message: string } | undefined {
  // Not instanceof: jest's own realm has another Error than the driver's sockets.
  for (let cause = error; types.isNativeError(cause); cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string')
      return { code: cause.code, message: cause.message };
  }
  return undefined;
}

/** Whether the error says that Postgres is away (or going, or not ready), rather than that the statement is wrong. */
export function isPostgresAway(error: unknown): boolean {
  const { code, message } = postgresErrorOf(error) ?? {};
  if (code === undefined) return false;
  return (
    // An operator lets nobody into this database; its code alone is that of other things as well.
    (code === '55000' && /not currently accepting connections/.test(message ?? '')) ||
    /^(CONNECT|CONNECTION_|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT|EHOSTUNREACH|EAI_AGAIN|ENOENT)/.test(
      code,
    ) ||
    // 08 connection, 57P0x shutdown and start-up, 53 resources (disk full, too many connections), 25006 read-only, 57014/55P03 time-outs
    /^(08|57P0|53)/.test(code) ||
    ['25006', '57014', '55P03', '40001', '40P01'].includes(code)
  );
}

/** Whether the database answers and has every migration that this code knows; `tellWhyNot` hears why not. */
export async function isReady(
  sql: postgres.Sql,
  tellWhyNot: (reason: string) => void = () => {},
): Promise<boolean> {
  try {
    const [applied, known] = [await appliedMigrations(sql), knownMigrations()];
    if (applied < known) tellWhyNot(`it has ${applied} of ${known} migrations`);
    return applied >= known;
  } catch (error) {
    if (!isPostgresAway(error)) throw error;
    tellWhyNot(postgresErrorOf(error)!.message);
    return false;
  }
}
