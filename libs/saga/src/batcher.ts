/**
 * Natural batching: while one batch is in flight the next one fills; on an idle batcher an item goes as soon as all that
 * has arrived is read (one turn of the event loop). There is no timer, so light load pays no latency for throughput
 * under heavy load.
 */
export interface Batcher<Item, Result> {
  submit(item: Item): Promise<Result>;
  /** Resolves when nothing is in flight or waiting. */
  idle(): Promise<void>;
}

export interface BatcherOptions<Item, Result> {
  /** Takes a batch, answers a result for each item in the same order; a result that is an Error rejects its item alone. */
  run(items: Item[]): Promise<(Result | Error)[]>;
  /** What an item counts; default 1. */
  weightOf?(item: Item): number;
  /** Bound of the weights of a batch; a single item may be heavier. */
  maxWeight: number;
  /** Batches in flight at once; default 1. */
  concurrency?: number;
  /** Batches in flight at once where so much waits that the next one is full; default: no more than else. */
  fullConcurrency?: number;
  /**
   * Whether an error of a batch may be the fault of one item: then each is run by itself, and the others do not suffer.
   * Default: no error is.
   */
  isFaultOfOne?(error: unknown): boolean;
  /**
   * What the next batch waits for once one is through; who submitted does not. The longer a batch takes, the more goes with
   * the next one. Must not throw.
   */
  afterwards?(): Promise<void>;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export function createBatcher<Item, Result>({
  run,
  weightOf = () => 1,
  maxWeight,
  concurrency = 1,
  fullConcurrency = concurrency,
  isFaultOfOne = () => false,
  afterwards = async () => {},
}: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let waitingWeight = 0;
  let inFlight = 0;
  let idlers: (() => void)[] = [];

  const takeBatch = (): Waiting<Item, Result>[] => {
    let weight = 0;
    let count = 0;
    for (const { item } of waiting) {
      const own = weightOf(item);
      if (count > 0 && weight + own > maxWeight) break;
      weight += own;
      count++;
    }
    waitingWeight -= weight;
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const runBatch = async (batch: Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index]!;
        if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      if (batch.length > 1 && isFaultOfOne(error)) for (const one of batch) await runBatch([one]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const isFull = (): boolean => waitingWeight >= maxWeight;
  const mayBegin = (): boolean =>
    waiting.length > 0 && (inFlight < concurrency || (inFlight < fullConcurrency && isFull()));

  const pump = (): void => {
    while (mayBegin()) {
      inFlight++;
      void runBatch(takeBatch())
        .then(afterwards)
        .then(() => {
          inFlight--;
          pump();
        });
    }
    if (inFlight > 0) return;
    for (const wake of idlers) wake();
    idlers = [];
  };

  return {
    submit: (item) =>
      new Promise<Result>((resolve, reject) => {
        const wasFull = isFull();
        waitingWeight += weightOf(item);
        // Items that come in one turn of the event loop go together: each request, each answer is a tick of its own.
        if (waiting.length === 0 || (!wasFull && isFull())) setImmediate(pump);
        waiting.push({ item, resolve, reject });
      }),
    idle: () =>
      new Promise<void>((resolve) => {
        if (inFlight === 0 && waiting.length === 0) resolve();
        else idlers.push(resolve);
      }),
  };
}
