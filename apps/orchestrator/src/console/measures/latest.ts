/** A value as it was last read. */
export interface Latest<T> {
  /** Undefined where it has not been read yet, or could not be. */
  read(): Promise<T | undefined>;
}

export interface LatestOptions {
  /** Milliseconds that a value counts as new. */
  freshMs: number;
  /** Milliseconds that somebody who asks waits for a newer one. */
  patienceMs: number;
}

/** Reads take at most this share of the time: what is dear is read more rarely. */
const timesItsCost = 20;

/**
 * A page that shows a dear value shows the last one known, and has it read anew behind its back. Nobody asks: nothing is
 * read. However many ask: one read at a time.
 */
export function createLatest<T>(
  read: () => Promise<T>,
  { freshMs, patienceMs }: LatestOptions,
): Latest<T> {
  let value: T | undefined;
  let staleAt = -Infinity;
  let reading: Promise<void> | undefined;

  const renew = async (): Promise<void> => {
    const startedAt = performance.now();
    try {
      value = await read();
    } catch {
      value = undefined;
    }
    const endedAt = performance.now();
    staleAt = endedAt + Math.max(freshMs, timesItsCost * (endedAt - startedAt));
    reading = undefined;
  };

  return {
    async read() {
      if (performance.now() < staleAt) return value;
      reading ??= renew();
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs);
      });
      await Promise.race([reading, patience]);
      clearTimeout(timer);
      return value;
    },
  };
}
