import { limits } from '@reliable-ops/contracts';
import type { MiddlewareHandler } from 'hono';
import { ProblemError } from './problem.ts';

/** How much of a body that is too large is read and dropped, in bytes and in milliseconds. */
const dropBytes = 64 * 1024 * 1024;
const dropMs = 5_000;

/**
 * 413 for a larger body, whether it says its length or not. The rest of it is dropped before the answer goes out: a connection
 * that is closed while its client still sends is reset, and the answer with it. Where there is no end to it, it is closed all the same.
 * Only a body that does not say its length is counted: that makes a web stream of it.
 */
export const limitBody: MiddlewareHandler = async (context, next) => {
  const { req } = context;
  if (req.method === 'GET' || req.method === 'HEAD') return next();
  const length = req.header('content-length');
  const saysItsLength = length !== undefined && req.header('transfer-encoding') === undefined;
  if (saysItsLength && Number(length) <= limits.requestBytes) return next();
  const { body } = req.raw;
  if (!body) return next();

  const reader = body.getReader();
  const { chunks, hasEnded } = await readOrDrop(reader);
  if (!chunks) throw tooLarge(hasEnded);
  req.raw = new Request(req.raw, { method: req.method, body: Buffer.concat(chunks) });
  return next();
};

/** All of a body; `chunks` is undefined where it is too large, and `hasEnded` says whether it has been dropped to its end. */
async function readOrDrop(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ chunks: Uint8Array[] | undefined; hasEnded: boolean }> {
  let chunks: Uint8Array[] | undefined = [];
  let size = 0;
  let giveUp = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late]);
      if (read?.done) return { chunks, hasEnded: true };
      size += read?.value.length ?? 0;
      if (size > limits.requestBytes && chunks) {
        chunks = undefined;
        timer = setTimeout(giveUp, dropMs);
      }
      if (!read || size > dropBytes) return { chunks, hasEnded: false };
      chunks?.push(read.value);
    }
  } catch (cause) {
    throw new ProblemError(400, 'INVALID_REQUEST', 'the body ended early', {
      field: 'body',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

const tooLarge = (hasEnded: boolean): ProblemError =>
  new ProblemError(
    413,
    'TOO_LARGE',
    `a request may have ${limits.requestBytes} bytes: send it in parts`,
    hasEnded ? {} : { headers: { Connection: 'close' } },
  );
