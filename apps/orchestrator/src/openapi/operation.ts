import type { ZodType } from 'zod';

/** What a path does, as the document tells it. */
export interface Operation {
  /** Names it, also for generated clients. */
  id: string;
  method: 'get' | 'post' | 'put';
  /** As OpenAPI writes it: `/v1/sagas/{id}`. */
  path: string;
  tag: Tag;
  summary: string;
  description?: string;
  parameters?: Parameter[];
  /** By media type. */
  body?: { isRequired: boolean; content: Record<string, Content> };
  /** By status. Refusals are in `errors`. */
  answers: Record<number, Answer>;
  /** Codes of docs/errors.md, besides those that every operation may give. */
  errors: ErrorCode[];
}

export const tags = {
  sagas: 'Start sagas, and see what becomes of them',
  events: 'What changes from now on, as server-sent events',
  operators: 'What people do when something does not go by itself',
  cluster: 'The nodes, and whether they are what the log says',
  process: 'The orchestrator itself',
} as const;
type Tag = keyof typeof tags;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  description: string;
  schema: ZodType;
  example: string;
  isRequired?: boolean;
}

export interface Content {
  /** Of a line where lines are sent, of an event's data where events are. */
  schema: ZodType;
  example: unknown;
}

export interface Answer {
  description: string;
  /** By media type; left out: no body. */
  content?: Record<string, Content>;
  /** Names and meanings. */
  headers?: Record<string, string>;
}

/** Codes and their statuses, as docs/errors.md has them. `HTTP`, of requests that are none, comes with any status. */
export const errorStatuses = {
  INVALID_REQUEST: 400,
  UNKNOWN_SAGA: 400,
  UNAUTHORIZED: 401,
  FOREIGN_HOST: 403,
  CROSS_SITE: 403,
  NOT_FOUND: 404,
  NO_FAULTS: 404,
  REFUSED: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IDEMPOTENCY_CONFLICT: 422,
  INTERNAL: 500,
  POSTGRES_AWAY: 503,
  NOT_MIGRATED: 503,
  CONTENDED: 503,
  CLUSTER_AWAY: 503,
  OVERLOADED: 429,
  VERIFY_BUSY: 503,
  TOO_MANY_STREAMS: 503,
  STOPPING: 503,
} as const;
export type ErrorCode = keyof typeof errorStatuses;

export const everywhere: ErrorCode[] = ['UNAUTHORIZED', 'FOREIGN_HOST', 'CROSS_SITE', 'INTERNAL'];
export const ofPostgres: ErrorCode[] = ['POSTGRES_AWAY', 'NOT_MIGRATED'];
export const ofBody: ErrorCode[] = ['INVALID_REQUEST', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];
