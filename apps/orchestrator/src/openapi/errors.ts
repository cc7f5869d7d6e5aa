/** Codes that operations answer, as docs/errors.md has them. `HTTP`, of requests that are none, comes with any status. */
export const errors = {
  INVALID_REQUEST: { status: 400, means: 'A part of the request is missing or wrong' },
  UNKNOWN_SAGA: { status: 400, means: 'No saga has that name' },
  UNAUTHORIZED: { status: 401, means: 'No token, or one that is not known' },
  FOREIGN_HOST: { status: 403, means: 'The `Host` header is no name of this server' },
  CROSS_SITE: { status: 403, means: 'A page of another site has sent it' },
  NOT_FOUND: { status: 404, means: 'No such path, saga, batch or participant' },
  NO_FAULTS: {
    status: 404,
    means: 'The nodes of this cluster make no faults on purpose',
  },
  REFUSED: {
    status: 409,
    means: 'What an operator asks for makes no sense for a saga in that state; nothing was changed',
  },
  TOO_LARGE: {
    status: 413,
    means: 'The body has too many bytes, or the batch too many sagas',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    means: 'The body is not in a form that this path takes',
  },
  IDEMPOTENCY_CONFLICT: {
    status: 422,
    means: 'The `Idempotency-Key` was used before, with another body',
  },
  OVERLOADED: {
    status: 429,
    means: 'More sagas are active, or wait to be accepted, than may be; nothing was accepted',
  },
  INTERNAL: { status: 500, means: 'A bug' },
  POSTGRES_AWAY: {
    status: 503,
    means: 'Postgres does not answer, or does not let this process in',
  },
  NOT_MIGRATED: {
    status: 503,
    means: 'The database lacks a migration that this version needs',
  },
  CONTENDED: {
    status: 503,
    means: 'Sagas made attempts faster than they could be resolved',
  },
  CLUSTER_AWAY: {
    status: 503,
    means: 'The node API does not answer a question about its faults',
  },
  VERIFY_BUSY: {
    status: 503,
    means: 'Two runs of verify or reconcile are under way in this process',
  },
  TOO_MANY_STREAMS: {
    status: 503,
    means: 'This process keeps as many streams of events open as it may',
  },
  STOPPING: {
    status: 503,
    means:
      'The process stops: the answer to whoever asks for events, verify or reconcile; and the last line of a run',
  },
} as const satisfies Record<string, { status: number; means: string }>;
export type ErrorCode = keyof typeof errors;

/** Of every operation, whatever it does. */
export const everywhere: ErrorCode[] = ['FOREIGN_HOST', 'CROSS_SITE', 'INTERNAL'];
export const ofPostgres: ErrorCode[] = ['POSTGRES_AWAY', 'NOT_MIGRATED'];
export const ofBody: ErrorCode[] = ['INVALID_REQUEST', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];
