import { isPostgresAway, migrate } from '@reliable-ops/database';
import { createLogger, loadConfigOrExit, waitUntil } from '@reliable-ops/runtime';

/** Brings the database up to date once it answers, and ends: exit 0. Anything else that goes wrong: exit 1. */
const { DATABASE_URL, ...config } = loadConfigOrExit();
const logger = createLogger('migrate', config);

await waitUntil(
  'Postgres',
  async () => {
    try {
      await migrate(DATABASE_URL);
      return true;
    } catch (error) {
      if (isPostgresAway(error)) return false;
      logger.fatal({ err: error }, 'the database could not be migrated');
      process.exit(1);
    }
  },
  { logger },
);
logger.info('the database is up to date');
