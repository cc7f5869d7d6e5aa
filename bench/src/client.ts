import type { Offer, Offered } from './clients/orders.ts';

/** What a client process is told about its surroundings. */
export interface ClientSettings {
  inFlight: number;
  /** Probability that a call fails: it is retried until it does not. */
  errors: number;
  nodeApiUrl: string;
  /** Empty where our system takes no part. */
  orchestratorUrl: string;
  databaseUrl: string;
  redisUrl: string;
}

/** Sends work and waits for its end. */
export interface Client {
  /**
   * Makes the change for every id; resolves when all have ended, and rejects where one has failed for good.
   * Answers how long each took in milliseconds, from its sending to its end; nothing where it cannot know.
   */
  run(change: 'create' | 'delete', ids: string[]): Promise<number[]>;
  /** Only of the client that knows how. */
  offer?(offer: Offer): Promise<Offered>;
  close(): Promise<void>;
}

/** What the module of a client exports. */
export type ConnectClient = (settings: ClientSettings) => Promise<Client>;

export const nodes = ['node01', 'node02', 'node03'] as const;
export type NodeName = (typeof nodes)[number];

/** Does `work` for each id with so many in flight; answers the milliseconds of each. Rejects at the first that fails. */
export async function runInFlight(
  ids: string[],
  inFlight: number,
  work: (id: string) => Promise<void>,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  const left = ids.values();
  const worker = async (): Promise<void> => {
    for (const id of left) {
      const startedAt = performance.now();
      await work(id);
      latenciesMs.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, ids.length) }, worker));
  return latenciesMs;
}
