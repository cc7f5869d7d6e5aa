import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createLogger, type Config, type Logger } from '../src/index.ts';

const config = {
  LOG_LEVEL: 'debug',
  API_TOKENS: ['first-token-1234', 'with"quote-1234', 'short'],
  DATABASE_URL: 'postgres://rops:pass%2Fword-1234@db.example:5432/rops',
  REDIS_URL: 'rediss://:redis-password@redis.example:6379',
} as const;

/** What a logger writes that is used so. */
function linesOf(use: (logger: Logger) => void, LOG_FORMAT: Config['LOG_FORMAT'] = 'json'): string {
  let written = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  use(
    createLogger(
      'test',
      { ...config, API_TOKENS: [...config.API_TOKENS], LOG_FORMAT },
      destination,
    ),
  );
  return written;
}

const secrets = [
  'first-token-1234',
  'quote-1234',
  'pass%2Fword-1234',
  'pass/word-1234',
  'redis-password',
];

describe.each(['json', 'pretty'] as const)('in %s, no secret gets out', (format) => {
  test.each<[string, (logger: Logger) => void]>([
    ['under its own name', (logger) => logger.info({ token: 'first-token-1234' }, 'x')],
    [
      'one level down',
      (logger) => logger.info({ headers: { authorization: 'Bearer first-token-1234' } }, 'x'),
    ],
    ['in a message', (logger) => logger.info(`cannot reach ${config.DATABASE_URL}`)],
    [
      'in an error and its stack',
      (logger) => logger.error({ err: new Error(`${config.REDIS_URL}: refused`) }, 'x'),
    ],
    [
      'in a cause',
      (logger) =>
        logger.error({ err: new Error('x', { cause: new Error('said pass/word-1234') }) }, 'x'),
    ],
    ['with a quote in it', (logger) => logger.info({ note: 'with"quote-1234' }, 'x')],
    ['deep inside', (logger) => logger.info({ a: { b: { c: ['first-token-1234'] } } }, 'x')],
  ])('%s', (_where, use) => {
    const lines = linesOf(use, format);
    expect(lines.length).toBeGreaterThan(20);
    for (const secret of secrets) expect(lines).not.toContain(secret);
    expect(lines).toMatch(/\*\*\*|\[Redacted\]/);
  });

  test.each(['authorization', 'password', 'token', 'cookie'])(
    'under the name %s, at the top and one level down, whatever it is',
    (name) => {
      const lines = linesOf((logger) => {
        logger.info({ [name]: 'unheard' }, 'x');
        logger.info({ options: { [name]: 'unheard' } }, 'x');
      }, format);
      expect(lines).not.toContain('unheard');
    },
  );

  test("somebody else's: the password of any URL, and credentials of HTTP", () => {
    const lines = linesOf((logger) => {
      logger.warn('http://ann:her-secret@node.example:8080/v1 answers 401');
      logger.warn({ header: 'Basic dXNlcjpwYXNzd29yZA==' }, 'refused');
    }, format);
    expect(lines).not.toMatch(/her-secret|dXNlcjpwYXNzd29yZA/);
    expect(lines).toContain('http://ann:***@node.example:8080/v1');
  });
});

test('what is no secret stays as it is', () => {
  const line = linesOf((logger) =>
    logger.info(
      {
        saga: 12,
        key: 'group:5',
        node: 'node02',
        attempt: 3,
        note: 'short http://127.0.0.1:3000/v1?by=ann@desk',
      },
      'attempt failed',
    ),
  );
  expect(JSON.parse(line)).toMatchObject({
    saga: 12,
    key: 'group:5',
    node: 'node02',
    attempt: 3,
    note: 'short http://127.0.0.1:3000/v1?by=ann@desk',
    msg: 'attempt failed',
  });
});

test('below its level it writes nothing; pretty lines are for people', () => {
  expect(linesOf((logger) => logger.trace('x'))).toBe('');
  expect(linesOf((logger) => logger.info({ saga: 12 }, 'hello'), 'pretty')).toMatch(
    /INFO.*hello[\s\S]*saga: 12/,
  );
});
