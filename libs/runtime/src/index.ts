/** What every process needs: its configuration, its log, and a way to end. */
export * from './broken-requests.ts';
export * from './complaints.ts';
export * from './config.ts';
export * from './duration.ts';
export * from './logging.ts';
export * from './lifecycle.ts';
export * from './wait-at-most.ts';
