import { eventNames } from '@reliable-ops/contracts';
import { z } from 'zod';
import { createDocument } from '../src/openapi/document.ts';
import type { JsonSchema } from '../src/openapi/schemas.ts';

/** What GET /openapi.json answers in tests. */
export const document = createDocument('0.0.0');

/** The document says nothing against members that it does not name; what we answer today has none. */
const closed = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === '$ref' ? String(value).replace('#/components/schemas/', '#/$defs/') : closed(value),
    ]),
  );
  return 'properties' in own && !('additionalProperties' in own)
    ? { ...own, additionalProperties: false }
    : own;
};
const schemas = closed(document.components.schemas) as Record<string, JsonSchema>;

/** Reads values as a schema of the document says. */
export const schemaAt = (schema: JsonSchema): z.ZodType =>
  z.fromJSONSchema({ ...(closed(schema) as JsonSchema), $defs: schemas } as Parameters<
    typeof z.fromJSONSchema
  >[0]);

const parsers = new Map<JsonSchema, z.ZodType>();
const routes = Object.entries(document.paths).map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  // A fixed path goes before one with a parameter.
  rank: path.split('{').length,
  methods,
}));
routes.sort((one, other) => one.rank - other.rank);

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed, where it is one JSON value; else text. */
  body?: unknown;
}

/** Throws where the document tells of the operation, but not of this answer. Lines are checked one by one. */
export function checkAnswer(method: string, path: string, { status, headers, body }: Answer): void {
  const [bare = ''] = path.split('?');
  const found = routes.find(({ pattern }) => pattern.test(bare));
  const operation = found?.methods[method.toLowerCase()];
  if (!operation) return;
  const told = `${method} ${bare} answers ${status}`;
  const answer = operation.responses[status];
  if (!answer) throw new Error(`${told}, which is not documented`);
  for (const [name, { required }] of Object.entries(answer.headers ?? {}))
    if (required && !headers.has(name)) throw new Error(`${told} without ${name}`);
  const [media = ''] = (headers.get('content-type') ?? '').split(';');
  if (!answer.content) return;
  const content = answer.content[media];
  if (!content) throw new Error(`${told} as ${media}, which is not documented`);
  if (media === 'application/problem+json') {
    const { code } = body as { code: string };
    if (content.examples?.[code] === undefined)
      throw new Error(`${told} ${code}, which is not documented`);
  }
  const values = media === 'application/x-ndjson' ? linesOf(String(body)) : [body];
  for (const value of values) checkValue(told, content.schema, value);
}

/** Throws where neither stream tells of such an event. */
export function checkEvent(event: string, data: unknown): void {
  const paths: Record<string, string> = {
    [eventNames.changes]: '/v1/events',
    [eventNames.saga]: '/v1/sagas/{id}/events',
  };
  const operation = document.paths[paths[event] ?? '']?.['get'];
  if (!operation) throw new Error(`an event "${event}", which is not documented`);
  const { schema } = operation.responses[200]!.content!['text/event-stream']!;
  checkValue(`an event "${event}"`, schema, data);
}

function checkValue(told: string, schema: JsonSchema, value: unknown): void {
  const parser = parsers.get(schema) ?? schemaAt(schema);
  parsers.set(schema, parser);
  const { error } = parser.safeParse(value);
  if (error) throw new Error(`${told}, but not as documented: ${error.message}`);
}

const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
