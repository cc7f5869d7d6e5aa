/**
 * The engine: sagas, their log, their queue. Read first: advance.ts (what a saga does next), then accept.ts and
 * commit.ts (how it gets into the log), then log.ts and queue.ts (what the engine asks of Postgres and Redis).
 */
export type { AcceptCondition, Accepted, AcceptRequest, AcceptResult } from './accept.ts';
export * from './advance.ts';
export { readAnnouncement, type ChangedSagas } from './announcement.ts';
export * from './backoff.ts';
export * from './batcher.ts';
export * from './bullmq/job-queue.ts';
export * from './bullmq/job-worker.ts';
export * from './command.ts';
export * from './definition.ts';
export * from './each.ts';
export * from './engine.ts';
export * from './entries.ts';
export * from './entry-result.ts';
export * from './errors.ts';
export type { Json } from './json.ts';
export * from './log.ts';
export * from './observer.ts';
export type { Operator, OperatorAnswer } from './operate.ts';
export type { PauseAnswer } from './pause.ts';
export * from './postgres/postgres-log.ts';
export * from './postgres/postgres-verify-log.ts';
export * from './maintenance.ts';
export * from './postgres/measure-log.ts';
export * from './postgres/postgres-maintenance.ts';
export * from './queue.ts';
export * from './record.ts';
export * from './recovery.ts';
export * from './request.ts';
export { compensationsOf } from './verify/lane-judge.ts';
export * from './verify/read-lanes.ts';
export * from './verify/verify-log.ts';
export * from './retention.ts';
