import type { Sql } from '@reliable-ops/database';
import type { MaintenanceLog } from '../maintenance.ts';
import { createPostgresLog } from './postgres-log.ts';
import { removeRequests } from './remove-requests.ts';
import { removeSagas } from './remove-sagas.ts';
import { measureWatermarkAge, readOldFence, takeWatermark } from './watermarks.ts';

/** What maintenance asks of the saga log, in Postgres. */
export function createPostgresMaintenance(sql: Sql): MaintenanceLog {
  const { takeLease } = createPostgresLog(sql);
  return {
    takeLease,
    removeSagas: (page) => removeSagas(sql, page),
    removeRequests: (page) => removeRequests(sql, page),
    measureWatermarkAge: () => measureWatermarkAge(sql),
    takeWatermark: () => takeWatermark(sql),
    readOldFence: (minAgeMs) => readOldFence(sql, minAgeMs),
  };
}
