import type { Random } from '../random.ts';
import type { FuzzRequest } from './request.ts';

const garbage = [
  'GET',
  '\r\n\r\n\r\n',
  'GET / HTTP/9.9\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'FOO / HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  'GET http://[::1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  'GET http://evil.example/v1/sagas HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  'GET \\ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  'GET /\x01 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\nexpect: x\r\nconnection: close\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\nnode: \xff\xfe\r\nconnection: close\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\na: b\x00c\r\n\r\n',
  'GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\n: x\r\n\r\n',
  `GET /v1/sagas HTTP/1.1\r\nhost: localhost\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
  `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
  `GET / HTTP/1.1\r\nhost: localhost\r\n${'a: b\r\n'.repeat(3_000)}connection: close\r\n\r\n`,
];

/** How a body's length is told, and told wrong. Each is one of `POST path`. */
const framings = (body: string): string[] => [
  `content-length: ${body.length}\r\n\r\n${body}`,
  `content-length: ${body.length - 3}\r\n\r\n${body}`,
  `content-length: -1\r\n\r\n${body}`,
  `content-length: 1e3\r\n\r\n${body}`,
  `content-length: 99999999999999999999\r\n\r\n${body}`,
  `content-length: ${body.length}\r\ncontent-length: 3\r\n\r\n${body}`,
  `content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n${body}`,
  `transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n${body}\r\n0\r\n\r\n`,
  `transfer-encoding: gzip\r\n\r\n${body}`,
  `transfer-encoding: chunked, identity\r\n\r\n${body}`,
  body,
];

const meant = [
  { path: '/v1/sagas', body: '{"saga":"create-group","input":{"groupId":"saga-raw"}}' },
  {
    path: '/v1/operations',
    body: '[{"op":"create","groupId":"direct-raw","timestamp":1,"token":[1,0]}]',
  },
  { path: '/v1/group', body: '{"groupId":"direct-raw"}' },
];

/** Bytes that no HTTP client would send: garbage, lies about lengths, and requests that end in the middle. */
export function makeRawRequest(random: Random): FuzzRequest {
  const { path, body } = random.pick(meant);
  const target = path === '/v1/sagas' ? 'orchestrator' : 'node-api';
  const whole = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nnode: node01\r\nconnection: close\r\ncontent-type: application/json\r\n`;
  const of = (text: string, isPartial = false): FuzzRequest => ({
    target,
    method: 'RAW',
    path,
    headers: {},
    body: undefined,
    framing: 'raw',
    bytes: Buffer.from(text, 'latin1'),
    isPartial,
  });
  return random.pick([
    () => of(random.pick(garbage), true),
    () => of(whole + random.pick(framings(body)), true),
    () => of(whole + framings(body)[0]!),
    () => {
      const text = whole + framings(body)[random.pick([0, 7])]!;
      return of(text.slice(0, random.between(1, text.length - 6)), true);
    },
    () => {
      const bytes = Buffer.from(whole + framings(body)[0]!, 'latin1');
      const at = random.between(0, whole.length - 1);
      bytes[at] = random.between(0, 255);
      return { ...of('', true), bytes };
    },
  ])();
}
