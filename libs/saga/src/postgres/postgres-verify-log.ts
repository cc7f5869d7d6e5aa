import type { Sql } from '@reliable-ops/database';
import type { VerifyLog } from '../verify/verify-log.ts';
import { findBrokenLinks } from './find-broken-links.ts';
import { readLaneStates } from './read-lane-states.ts';
import { readLoggedSagas, readSagasByKey } from './read-logged-sagas.ts';

/** The saga log in Postgres, as verify reads it. */
export const createPostgresVerifyLog = (sql: Sql): VerifyLog => ({
  readSagasByKey: (query) => readSagasByKey(sql, query),
  readLoggedSagas: (ids) => readLoggedSagas(sql, ids),
  readLaneStates: (keys) => readLaneStates(sql, keys),
  findBrokenLinks: (limit) => findBrokenLinks(sql, limit),
});
