import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url));
const table = { migrationsSchema: 'drizzle', migrationsTable: 'migrations' };

/** Any fixed number: everybody who migrates this database takes the same advisory lock. */
const migrationLock = 7_264_001;

/**
 * Brings the database up to date. Safe to run from several processes at once: drizzle's migrator is
 * not, so an advisory lock on the one connection lets them in one after another.
 */
export async function migrate(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    await sql`select pg_advisory_lock(${migrationLock})`;
    await applyMigrations(drizzle(sql), { migrationsFolder, ...table });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** How many migrations this code knows. */
export function knownMigrations(): number {
  const journal = JSON.parse(readFileSync(`${migrationsFolder}/meta/_journal.json`, 'utf8')) as {
    entries: unknown[];
  };
  return journal.entries.length;
}

/** How many migrations the database has seen; 0 where it has seen none. */
export async function appliedMigrations(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ found: string | null }[]>`
    select to_regclass('drizzle.migrations')::text as found`;
  if (!row?.found) return 0;
  const [count] = await sql<{ n: number }[]>`select count(*)::int as n from drizzle.migrations`;
  return count?.n ?? 0;
}
