/** Every bound that a client can run into. Each has its reason beside it. */
export const limits = {
  /** Sagas in one POST /v1/sagas/batch: one transaction holds them all. */
  batchSagas: 10_000,
  /** Bytes of a request body to the orchestrator: a full batch of long ids fits. */
  requestBytes: 8 * 1024 * 1024,
  /** Characters of a group id: it is a Postgres key, whose index row holds about 2,700 bytes (UTF-8, 4 each). */
  groupIdLength: 512,
  /** Characters of an Idempotency-Key. */
  idempotencyKeyLength: 255,
  /** Sagas in one event of GET /v1/events: four times a second nobody reads more. */
  eventSagas: 100,
  /** Streams of events that one process keeps open: each holds a connection. */
  eventStreams: 200,
  /** Rows of one page of GET /v1/sagas. */
  pageSagas: 1_000,
  /** Seconds that `Prefer: wait=` may ask for; a longer wait is cut to this. */
  waitSeconds: 60,
  /** Operations in one POST /v1/operations: one statement carries them. */
  operations: 1_000,
  /** Rows of one page of GET /v1/groups, and ids in one POST /v1/groups/lookup: some hundred kB, a few milliseconds. */
  pageGroups: 1_000,
  /** Attempts that the log keeps for each step. */
  attemptsKept: 20,
  /** Things done by operators that the log keeps for each saga. */
  historyKept: 100,
  /** Characters of an operator's name, and of his note: they stand in the saga's row. */
  operatorLength: 200,
  noteLength: 2_000,
  /** Sagas that one call of an operator may name: one transaction holds their lanes. */
  operatedSagas: 1_000,
} as const;
