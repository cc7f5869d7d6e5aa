import { describe, expect, test } from '@jest/globals';
import { errors } from '../src/openapi/errors.ts';
import { operations } from '../src/openapi/operations/index.ts';
import { checkAnswer, checkEvent, document, schemaAt } from './documented.ts';
import { useApi } from './use-api.ts';

const { api } = useApi();

/** Pages, and what they load, are for people. */
const isForPrograms = (path: string): boolean =>
  /^\/(v1\/|healthz$|readyz$|openapi\.json$)/.test(path);

test('every route of the API is documented, and every documented one is there', () => {
  const routes = api.app.routes
    .filter(({ method, path }) => method !== 'ALL' && isForPrograms(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(?:\{[^}]+\})?/g, '{$1}')}`);
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.length).toBeGreaterThan(25);
  expect([...new Set(routes)].sort()).toEqual(documented.sort());
});

test('GET / names every documented path', async () => {
  const { text } = await api.send('GET', '/');
  for (const { path } of operations) {
    if (
      /\/(resume|faults\/\{node\}|openapi\.json)$|^\/v1\/sagas\/(cancel|retry|resolve)$/.test(path)
    )
      continue;
    expect(text).toContain(path.replaceAll(/\{(\w+)\}/g, ':$1'));
  }
});

describe('the document', () => {
  test('is one that GET /openapi.json answers, and names each operation once', async () => {
    const { status, body } = await api.send('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(body).toEqual(JSON.parse(JSON.stringify(document)));
    expect(body.openapi).toBe('3.1.1');
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('names no schema that it does not hold, and holds none that nobody names', () => {
    const text = JSON.stringify(document);
    const named = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!);
    expect([...new Set(named)].sort()).toEqual(Object.keys(document.components.schemas).sort());
  });

  test.each(operations.map((operation) => [operation.id, operation] as const))(
    '%s: its examples are what its schemas say',
    (_id, { method, path }) => {
      const { requestBody, responses } = document.paths[path]![method]!;
      const contents = [
        requestBody?.content ?? {},
        ...Object.values(responses).map(({ content = {} }) => content),
      ];
      for (const { schema, example, examples } of contents.flatMap((content) =>
        Object.values(content),
      ))
        for (const value of examples
          ? Object.values(examples).map((one) => one.value)
          : [example]) {
          expect(value).toBeDefined();
          schemaAt(schema).parse(value);
        }
    },
  );

  test('an answer that it does not tell of is found', () => {
    const check =
      (request: string, status: number, body: object, given = {}) =>
      () => {
        const [method = '', path = ''] = request.split(' ');
        const headers = new Headers({ 'content-type': 'application/json', ...given });
        checkAnswer(method, path, { status, headers, body });
      };
    expect(check('GET /v1/sagas/1', 200, { id: '1' })).toThrow();
    expect(check('GET /v1/status', 418, {})).toThrow(/418/);
    const batch = { batchId: 'b', accepted: 1 };
    const location = { location: '/v1/batches/b' };
    expect(check('POST /v1/sagas/batch', 202, batch, location)).not.toThrow();
    expect(check('POST /v1/sagas/batch', 202, batch)).toThrow(/without Location/);
    expect(check('POST /v1/sagas/batch', 202, { ...batch, extra: 1 }, location)).toThrow(/extra/);
    const refused = (code: string) =>
      check(
        'POST /v1/sagas/1/cancel',
        409,
        { type: '', title: '', status: 409, detail: '', code },
        { 'content-type': 'application/problem+json' },
      );
    expect(refused('REFUSED')).not.toThrow();
    expect(refused('NO_FAULTS')).toThrow(/NO_FAULTS/);
  });

  test.each([
    ['changes', { at: '' }],
    ['saga', { id: '1' }],
    ['unheard of', {}],
  ])('an event that it does not tell of is found: %s', (event, data) => {
    expect(() => checkEvent(event, data)).toThrow();
  });
});

test('GET /docs shows every operation, every schema and every error, without a script and without anybody else', async () => {
  const { status, headers, text } = await api.send('GET', '/docs');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toMatch(/^text\/html/);
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  for (const { id, path, summary } of operations)
    for (const told of [`id="${id}"`, path, summary.replaceAll("'", '&#39;').split('`')[0]!])
      expect(text).toContain(told);
  for (const name of Object.keys(document.components.schemas))
    expect(text).toContain(`id="schema-${name}"`);
  for (const [code, { means }] of Object.entries(errors))
    for (const told of [code, means.split('`')[0]!]) expect(text).toContain(told);
  expect(text).not.toMatch(/<script|style=|https?:\/\/|\son\w+=|`/);
  expect(text).not.toContain('[object');
  // What may be null says of what kind it is otherwise; inputs and outputs are a saga's own.
  const vague = [...text.matchAll(/(\w+)\??: (?:\{ \[name\]: )?any JSON/g)].map(([, name]) => name);
  expect([...new Set(vague)].sort()).toEqual(['input', 'inputs', 'output']);
  const links = [...text.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target!);
  for (const target of links) expect(text).toContain(`id="${target}"`);
  for (const [, sheet = ''] of text.matchAll(/rel="stylesheet" href="([^"]+)"/g))
    expect((await api.send('GET', sheet)).headers.get('content-type')).toMatch(/^text\/css/);
});

test('GET /docs gives each operation as a command, to the host where it is read', async () => {
  const headers = { host: '127.0.0.1:4000' };
  const text = (await api.send('GET', '/docs', { headers })).text.replaceAll('&quot;', '"');
  for (const command of [
    'curl 127.0.0.1:4000/v1/sagas -H &#39;content-type: application/json&#39; -d &#39;{"saga":"create-group","input":{"groupId":"5"}}&#39;<',
    'curl -N 127.0.0.1:4000/v1/sagas/12/events<',
    'curl -X PUT 127.0.0.1:4000/v1/faults/node02 -H ',
    'curl 127.0.0.1:4000/openapi.json<',
  ])
    expect(text).toContain(command);
});
