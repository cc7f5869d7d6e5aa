import { unavailable } from './problem.ts';

/**
 * Milliseconds that one request may wait for Postgres. A Postgres that hangs answers nothing, not even its own
 * time-outs. Shorter than the patience of our own client (15 s), so that it hears why.
 */
export const postgresPatienceMs = 12_000;

/** `work`, or a 503 when it takes longer. The work itself goes on: an accept may still be committed. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(unavailable('POSTGRES_AWAY', 'Postgres takes too long: try again')),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
