/** The only room that knows groups: their sagas, and the node clients that carry them out. Read first: group-sagas.ts. */
export * from './cluster.ts';
export * from './faults.ts';
export * from './group-sagas.ts';
export { nodeJson } from './node-fetch.ts';
export * from './participants.ts';
export { findingsOf, type Divergence } from './verify/divergence.ts';
export * from './verify/repair.ts';
export * from './verify/verify-cluster.ts';
export * from './prune.ts';
