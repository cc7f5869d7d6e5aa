import type { Context, Env, MiddlewareHandler } from 'hono';

export interface BodyLimit<E extends Env> {
  maxBytes: number;
  /**
   * Answers a larger body, or throws what the app makes an answer of. `headers` belong to that answer: they close a connection
   * on which more of the body may follow.
   */
  answerTooLarge: (context: Context<E>, headers: Record<string, string>) => Response;
  /** What to throw where a body that is counted ends early, for `cause`. */
  endedEarly: (cause: unknown) => Error;
  /** Bytes of a body that is too large that are read and dropped; default 64 MiB. */
  dropBytes?: number;
  /** Milliseconds for the same; default 5000. */
  dropMs?: number;
}

/**
 * Refuses a body of more than `maxBytes`, whether it says its length or not. The rest of it is dropped before the answer goes out:
 * a connection that is closed while its client still sends is reset, and the answer with it. Where there is no end to it, it is
 * closed all the same. A body that says its length costs nothing here; one that does not is counted, and a web stream is made of it.
 */
export function limitBody<E extends Env>(limit: BodyLimit<E>): MiddlewareHandler<E> {
  return async (context, next) => {
    const { req } = context;
    if (req.method === 'GET' || req.method === 'HEAD') return next();
    const length = req.header('content-length');
    const saysItsLength = length !== undefined && req.header('transfer-encoding') === undefined;
    if (saysItsLength && Number(length) <= limit.maxBytes) return next();
    const { body } = req.raw;
    if (!body) return next();

    const isTooLarge = saysItsLength && Number(length) > limit.maxBytes;
    const { chunks, hasEnded } = await readOrDrop(body.getReader(), isTooLarge, limit);
    if (!chunks) return limit.answerTooLarge(context, hasEnded ? {} : { Connection: 'close' });
    req.raw = new Request(req.raw, { method: req.method, body: Buffer.concat(chunks) });
    return next();
  };
}

/** All of a body; `chunks` is undefined where it is too large, and `hasEnded` says whether it has been dropped to its end. */
async function readOrDrop(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  isTooLarge: boolean,
  {
    maxBytes,
    endedEarly,
    dropBytes = 64 * 1024 * 1024,
    dropMs = 5_000,
  }: Pick<BodyLimit<Env>, 'maxBytes' | 'endedEarly' | 'dropBytes' | 'dropMs'>,
): Promise<{ chunks: Uint8Array[] | undefined; hasEnded: boolean }> {
  let chunks: Uint8Array[] | undefined = [];
  let size = 0;
  let giveUp = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
  });
  let timer: NodeJS.Timeout | undefined;
  const drop = (): void => {
    chunks = undefined;
    timer ??= setTimeout(giveUp, dropMs);
  };
  if (isTooLarge) drop();
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late]);
      if (read?.done) return { chunks, hasEnded: true };
      size += read?.value.length ?? 0;
      if (size > maxBytes) drop();
      if (!read || size > Math.max(maxBytes, dropBytes)) return { chunks, hasEnded: false };
      chunks?.push(read.value);
    }
  } catch (cause) {
    throw endedEarly(cause);
  } finally {
    clearTimeout(timer);
  }
}
