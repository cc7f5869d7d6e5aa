import type { RedisBinary } from '@reliable-ops/local';

/** What the one set-up hands to every test file, through the environment: jest's workers inherit it. */
export interface TestEnvironment {
  /** The server's own database: create and drop others from here. */
  postgresUrl: string;
  /** A migrated database that nobody is connected to. */
  template: string;
  redis: RedisBinary;
  /** The folder that bundleApps has filled. */
  bundles: string;
  /** The pid of jest itself. */
  mainProcess: number;
}

const variable = 'ROPS_TEST_ENVIRONMENT';

export function publishTestEnvironment(environment: TestEnvironment): void {
  process.env[variable] = JSON.stringify(environment);
}

/** Undefined outside of jest. */
export function findTestEnvironment(): TestEnvironment | undefined {
  const text = process.env[variable];
  return text === undefined ? undefined : (JSON.parse(text) as TestEnvironment);
}

/** Throws outside of jest: these tests wipe what they use, so they never guess a server. */
export function testEnvironment(): TestEnvironment {
  const environment = findTestEnvironment();
  if (environment) return environment;
  throw new Error(
    'no test environment: run the tests with npm test (its global set-up starts Postgres)',
  );
}
