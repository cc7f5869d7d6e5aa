/** The reference cluster: three nodes on three Postgres schemas, behind one HTTP API. */
export { createNodeApi, type NodeApiOptions } from './app.ts';
export { listenNodeApi, type ListenOptions, type NodeApiServer } from './server.ts';
