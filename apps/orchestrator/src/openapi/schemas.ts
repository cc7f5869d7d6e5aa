import { z } from 'zod';

/** JSON Schema, draft 2020-12: what OpenAPI 3.1 takes as it is. */
export type JsonSchema = Record<string, unknown>;

/** Contracts as components of the document under their own names, and any schema by those. */
export function nameSchemas(contracts: Record<string, z.ZodType>, io: 'input' | 'output') {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(contracts))
    registry.add(schema, { id: `${name[0]!.toUpperCase()}${name.slice(1)}` });
  const override = ({ jsonSchema }: { jsonSchema: JsonSchema }): void => {
    // A client of today has to take the answers of tomorrow.
    if (io === 'output' && jsonSchema['additionalProperties'] === false)
      delete jsonSchema['additionalProperties'];
    if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum'];
    if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum'];
  };
  const uri = (id: string): string => `#/components/schemas/${id}`;
  const { schemas } = z.toJSONSchema(registry, { uri, io, override });
  return {
    schemas: Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)])),
    schemaOf(schema: z.ZodType): JsonSchema {
      const known = registry.get(schema);
      if (known) return { $ref: uri(known.id) };
      return bare(z.toJSONSchema(schema, { io, override }));
    },
  };
}

/** Without what says that it is a document of its own. */
const bare = (schema: JsonSchema): JsonSchema =>
  Object.fromEntries(
    Object.entries(schema).filter(([name]) => name !== '$schema' && name !== '$id'),
  );
