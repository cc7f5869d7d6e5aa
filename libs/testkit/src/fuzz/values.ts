import type { Random } from '../random.ts';

/** Texts that programs stumble over; each can be an id, apart from those that `badTexts` adds. */
const oddTexts = [
  '',
  '.',
  '..',
  '../../etc/passwd',
  '%00',
  '%2e%2e',
  '%ff',
  ' ',
  '\t\r\n',
  'a\u0001b',
  '\u{1f600}'.repeat(20),
  'e\u0301',
  '\u202e\u200b\ufeff',
  '\uffff\ufffe',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-0',
  '1e400',
  "'; drop table saga.sagas; --",
  '{}',
  '${7*7}',
  '<script>alert(1)</script>',
  'x'.repeat(500),
];
export const badTexts = ['a\0b', '\ud800', 'a\udfff', 'x'.repeat(513), 'x'.repeat(100_000)];
export const oddText = (random: Random): string => random.pick(oddTexts);

const oddNumbers = [
  '0',
  '-0',
  '-1',
  '1.5',
  '1e308',
  '1e400',
  '-1e400',
  '5e-324',
  '9007199254740991',
  '9007199254740993',
  '-9007199254740993',
  '99999999999999999999999999',
  '0.1',
  '1E3',
  '01',
  '+1',
  '.5',
  '1.',
  'NaN',
  'Infinity',
  '0x10',
  '2147483648',
];
export const oddNumber = (random: Random): string => random.pick(oddNumbers);

/** A JSON text, well formed or nearly so. */
export function oddJson(random: Random, depth = 3): string {
  const kind = random.between(0, depth > 0 ? 9 : 5);
  const many = (): number => random.between(0, 4);
  const list = (one: () => string): string => Array.from({ length: many() }, one).join();
  switch (kind) {
    case 0:
      return random.pick([
        'null',
        'true',
        'false',
        '""',
        '[]',
        '{}',
        'undefined',
        "'a'",
        '{a:1}',
        '[1,]',
        '{"a":1,}',
      ]);
    case 1:
      return oddNumber(random);
    case 2:
      return JSON.stringify(oddText(random));
    case 3:
      return JSON.stringify(random.pick(badTexts.slice(0, 4)));
    case 4:
      return random.pick([
        '"\\ud800"',
        '"\\u0000"',
        '"\\x"',
        '"\\u12"',
        '"\n"',
        '"',
        '"a',
        '\ufeff{}',
      ]);
    case 5:
      return `"${String.fromCharCode(...Array.from({ length: many() }, () => random.between(0x20, 0xd7ff))).replaceAll(/["\\]/g, '')}"`;
    case 6:
    case 7:
      return `[${list(() => oddJson(random, depth - 1))}]`;
    default: {
      const name = (): string =>
        JSON.stringify(
          random.pick([
            'saga',
            'input',
            'inputs',
            'groupId',
            'op',
            'token',
            'timestamp',
            '__proto__',
            'constructor',
            'a',
            '',
          ]),
        );
      return `{${list(() => `${name()}:${oddJson(random, depth - 1)}`)}}`;
    }
  }
}

/** A body that nobody means, or a meant one that was damaged on its way. */
export function oddBody(random: Random, meant: () => string): Buffer {
  switch (random.between(0, 11)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return Buffer.from(
        random.pick([
          '[',
          '{"a":',
          '['.repeat(20_000),
          '{"a":'.repeat(5_000),
          ' '.repeat(5_000),
          '\0\0',
          '\n\n\n',
        ]),
      );
    case 2:
      return Buffer.from(
        Array.from({ length: random.between(1, 200) }, () => random.between(0, 255)),
      );
    case 3:
    case 4: {
      const text = meant();
      return Buffer.from(text.slice(0, random.between(0, text.length)));
    }
    case 5:
    case 6: {
      const bytes = Buffer.from(meant());
      for (let flips = random.between(1, 3); flips > 0 && bytes.length > 0; flips--)
        bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      return bytes;
    }
    case 7:
      return Buffer.from(`${meant()}${random.pick(['}', ']', 'x', '\n{', '\0', meant()])}`);
    case 8:
      return Buffer.from(meant(), 'utf16le');
    case 9:
      return Buffer.concat([Buffer.from(meant().slice(0, -2)), Buffer.from([0xff, 0xc3, 0x28])]);
    default:
      return Buffer.from(oddJson(random));
  }
}

/** A few bodies are larger than any limit: not many, or nothing else would be sent. */
export const hugeBody = (random: Random): Buffer =>
  Buffer.alloc(random.pick([9, 12]) * 1024 * 1024, random.pick(['[', ' ', '"', 'a']));

const headerNames = [
  'node',
  'timestamp',
  'idempotency-key',
  'prefer',
  'content-type',
  'content-encoding',
  'accept',
  'accept-encoding',
  'authorization',
  'origin',
  'host',
  'sec-fetch-site',
  'x-forwarded-for',
  'range',
  'if-none-match',
  'cookie',
  'x'.repeat(200),
  '__proto__',
  'expect-ct',
];
/** Headers on top of the meant ones, or in place of them. */
export function oddHeaders(random: Random): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let n = random.between(0, 3); n > 0; n--)
    headers[random.pick(headerNames)] = oddHeaderValue(random);
  return headers;
}
/** Only what an HTTP client lets through; the rest is for raw requests. */
export function oddHeaderValue(random: Random): string {
  const made = random.pick([
    () =>
      random.pick([
        '',
        '*',
        ',',
        ';',
        '=',
        '"',
        'wait=0',
        'wait=',
        'wait;=',
        'wait="0',
        'bytes=0-',
        'null',
        'http://evil.example',
      ]),
    () =>
      random.pick([
        'application/json',
        'application/x-ndjson',
        'text/plain',
        'application/json;charset=',
        'application/json; charset=utf-16',
        'multipart/form-data; boundary=x',
        'gzip',
      ]),
    () => oddNumber(random),
    () => oddText(random),
    () => 'x'.repeat(random.between(1, 3_000)),
    () =>
      String.fromCharCode(
        ...Array.from({ length: random.between(0, 20) }, () => random.between(0x20, 0xff)),
      ),
  ])();
  return made.replaceAll(/[^\x20-\x7e\x80-\xff]/g, '?');
}
