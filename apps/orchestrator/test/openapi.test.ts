import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { errorStatuses } from '../src/openapi/operation.ts';
import { operations } from '../src/openapi/operations/index.ts';
import { checkAnswer, document, schemaAt } from './documented.ts';
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
    '%s: its examples are what its schemas say, and its errors are those of docs/errors.md',
    (_id, { method, path, errors }) => {
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
      const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
      for (const code of errors)
        expect(page).toMatch(new RegExp(`^\\| \`${code}\` +\\| ${errorStatuses[code]} `, 'm'));
    },
  );

  test('an answer that it does not tell of is found', () => {
    const view = { id: '1' };
    expect(() => checkAnswer('GET', '/v1/sagas/1', 200, 'application/json', view)).toThrow();
    expect(() => checkAnswer('GET', '/v1/status', 418, 'application/json', {})).toThrow(/418/);
    const batch = { batchId: 'b', accepted: 1 };
    checkAnswer('POST', '/v1/sagas/batch', 202, 'application/json', batch);
    expect(() =>
      checkAnswer('POST', '/v1/sagas/batch', 202, 'application/json', { ...batch, extra: 1 }),
    ).toThrow(/extra/);
    const problem = { type: '', title: '', status: 409, detail: '', code: 'REFUSED' };
    checkAnswer('POST', '/v1/sagas/1/cancel', 409, 'application/problem+json', problem);
    expect(() =>
      checkAnswer('POST', '/v1/sagas/1/cancel', 409, 'application/problem+json', {
        ...problem,
        code: 'NO_FAULTS',
      }),
    ).toThrow(/NO_FAULTS/);
  });
});

test('GET /docs shows every operation, every schema and every error, without a script and without anybody else', async () => {
  const { status, headers, text } = await api.send('GET', '/docs');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toMatch(/^text\/html/);
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'self';/);
  for (const { id, path, summary } of operations)
    for (const told of [`id="${id}"`, path, summary.replaceAll("'", '&#39;')])
      expect(text).toContain(told);
  for (const name of Object.keys(document.components.schemas))
    expect(text).toContain(`id="schema-${name}"`);
  for (const code of Object.keys(errorStatuses)) expect(text).toContain(code);
  expect(text).not.toMatch(/<script|style=|https?:\/\/|\son\w+=/);
  expect(text).not.toContain('[object');
  const links = [...text.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target!);
  for (const target of links) expect(text).toContain(`id="${target}"`);
  const sheet = await api.send('GET', '/docs/style.css');
  expect([sheet.status, sheet.headers.get('content-type')]).toEqual([
    200,
    'text/css; charset=utf-8',
  ]);
});
