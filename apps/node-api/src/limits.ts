/** Bounds of the node API's own; those that clients plan for stand in the contracts. */
export const nodeLimits = {
  /** Bytes of a plain request's body: an id of the longest kind fits, escaped, with room for fields that are ignored. */
  plainBodyBytes: 64 * 1024,
  /** Bytes of a fenced batch: 1,000 operations with the longest ids, each character escaped as six bytes. */
  operationsBodyBytes: 4 * 1024 * 1024,
  /** Records that one POST /v1/prune looks at: some 50 ms of one connection. */
  prunedRecords: 5_000,
  /** Milliseconds that requests in flight get when the server stops; then their connections are cut. */
  drainMs: 8_000,
} as const;
