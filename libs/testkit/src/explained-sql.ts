import type { Sql } from '@reliable-ops/database';
import postgres from 'postgres';

/** A pool that reads as ours does, and tells of each statement how Postgres carried it out (`explain analyze`, as text). */
export function connectExplained(url: string, onPlan: (plan: string) => void): Sql {
  return postgres(url, {
    max: 4,
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: (text: string) => Number(text) },
    },
    onnotice: ({ message = '' }) => onPlan(message),
    connection: {
      session_preload_libraries: 'auto_explain',
      // As text: a number that is nothing would not be sent.
      'auto_explain.log_min_duration': '0',
      'auto_explain.log_level': 'notice',
      'auto_explain.log_analyze': 'on',
    },
  }) as Sql;
}
