import type { TransactionSql } from 'postgres';

/** A transaction of a client made by `connect`. */
export type Transaction = TransactionSql<{ bigint: number }>;
