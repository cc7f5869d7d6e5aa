import { pino, type DestinationStream, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { Config } from './config.ts';
import { createScrubber, type SecretConfig } from './secrets.ts';

export type { Logger };

/** Values under these names never get out, at the top of a line and one level below. */
const secretNames = ['authorization', 'password', 'token', 'cookie'];

/**
 * The process's log, on stdout (or `destination`): JSON lines in production, pretty ones in the local stack. No secret that `config`
 * holds, and no credentials of anybody, get out. A line about a saga has `saga` (its id), `key`, `node` and `attempt`,
 * as far as they apply.
 */
export function createLogger(
  name: string,
  { LOG_LEVEL, LOG_FORMAT, ...secrets }: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'> & SecretConfig,
  destination?: DestinationStream,
): Logger {
  const options = {
    name,
    level: LOG_LEVEL,
    redact: secretNames.flatMap((secret) => [secret, `*.${secret}`]),
    hooks: { streamWrite: createScrubber(secrets) },
  };
  if (LOG_FORMAT === 'json') return destination ? pino(options, destination) : pino(options);
  return pino(
    options,
    PinoPretty({
      colorize: process.stdout.isTTY === true,
      ignore: 'pid,hostname',
      sync: true,
      ...(destination ? { destination: destination as NodeJS.WritableStream } : {}),
    }),
  );
}
