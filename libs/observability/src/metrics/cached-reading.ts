/** Milliseconds that a reading serves every scrape at least. */
const leastMs = 5_000;
/** A reading serves this many times as long as it took: all scrapes together cost a twentieth of one connection at most. */
const restPerWork = 19;
/** Milliseconds after which a reading counts as failed: a scrape has 10 s. */
const patienceMs = 5_000;

/**
 * What `read` answered, asked again only when that has become old: many who scrape share one reading. Null where it fails or takes
 * too long; that is kept as well.
 */
export function cacheReading<T>(
  read: () => Promise<T>,
  { clock = () => performance.now(), limitMs = patienceMs } = {},
): () => Promise<T | null> {
  let staleAt = -Infinity;
  let latest: Promise<T | null> = Promise.resolve(null);
  let isReading = false;

  return () => {
    if (isReading || clock() < staleAt) return latest;
    isReading = true;
    const since = clock();
    const reading = read();
    void reading
      .catch(() => {})
      .then(() => {
        // A reading that is given up still runs: the next one waits for its end.
        isReading = false;
        const now = clock();
        staleAt = now + Math.max(leastMs, (now - since) * restPerWork);
      });
    latest = orNull(reading, limitMs);
    return latest;
  };
}

async function orNull<T>(work: Promise<T>, limitMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([work.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
