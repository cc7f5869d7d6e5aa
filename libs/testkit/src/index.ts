/** What tests stand on: a database each, a Redis each, and patience with a limit. */
export * from './test-database.ts';
export * from './test-redis.ts';
export * from './temporary-folder.ts';
export * from './wait-for.ts';
export * from './app-arguments.ts';
export * from './system.ts';
export * from './client.ts';
export * from './nodes.ts';
export * from './explained-sql.ts';
