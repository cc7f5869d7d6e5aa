import { pino, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { Config } from './config.ts';

export type { Logger };

/**
 * The process's log, on stderr's side of things: JSON lines on stdout in production, pretty ones in
 * the local stack. Values under these names never get out.
 */
export function createLogger(
  name: string,
  { LOG_LEVEL, LOG_FORMAT }: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'>,
): Logger {
  const options = {
    name,
    level: LOG_LEVEL,
    redact: ['authorization', 'password', 'token', 'headers.authorization'],
  };
  if (LOG_FORMAT === 'json') return pino(options);
  return pino(
    options,
    PinoPretty({ colorize: process.stdout.isTTY === true, ignore: 'pid,hostname', sync: true }),
  );
}
