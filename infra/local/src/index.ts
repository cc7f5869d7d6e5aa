/** The parts of the local stack that tests use as well: processes we own, Postgres, Redis. */
export * from './node-arguments.ts';
export * from './processes/child.ts';
export * from './processes/leash.ts';
export * from './processes/port.ts';
export * from './postgres/start-postgres.ts';
export { discardDataFolder } from './postgres/data-folder.ts';
export * from './redis/find-redis.ts';
export * from './redis/start-redis.ts';
export * from './stack-error.ts';
export { supervise, type Running, type Supervised } from './supervisor/supervised.ts';
