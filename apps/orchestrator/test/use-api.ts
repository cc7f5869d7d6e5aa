import { afterAll, beforeAll } from '@jest/globals';
import {
  startApi,
  startBackends,
  until,
  type Api,
  type ApiOptions,
  type Backends,
} from './fixture.ts';

/** A database and a Redis for all tests of a suite, there from its first hook on. */
export function useBackends(): Backends {
  const backends = {} as Backends;
  beforeAll(async () => {
    Object.assign(backends, await startBackends());
  });
  afterAll(() => backends[Symbol.asyncDispose]());
  return backends;
}

/** One API for all tests of a suite, there from its first hook on, and what it stands on. */
export function useApi(options: ApiOptions = {}): { api: Api; backends: Backends } {
  const api = {} as Api;
  // jest runs hooks of both kinds in the order in which they were made, and the API goes first.
  afterAll(() => api[Symbol.asyncDispose]());
  const backends = useBackends();
  beforeAll(async () => {
    Object.assign(api, startApi(backends, options));
    await until(api.queue.isConnected);
  });
  return { api, backends };
}
