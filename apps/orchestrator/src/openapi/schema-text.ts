import type { JsonSchema } from './schemas.ts';

/** A schema in the words of TypeScript, which are shorter; a schema that it names is `#Name`. */
export function describeSchema(schema: JsonSchema, indent = ''): string {
  const { $ref, type, properties, items, prefixItems, additionalProperties, anyOf, oneOf } =
    schema as Shape;
  if ($ref !== undefined) return `#${$ref.split('/').at(-1)}`;
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum']))
    return schema['enum'].map((one) => JSON.stringify(one)).join(' | ');
  const choices = anyOf ?? oneOf;
  if (choices) return choices.map((choice) => describeSchema(choice, indent)).join(' | ');
  if (prefixItems) return `[${prefixItems.map((item) => describeSchema(item, indent)).join(', ')}]`;
  if (type === 'array') return `${describeSchema(items ?? {}, indent)}[]`;
  if (properties) {
    const required = new Set((schema['required'] as string[] | undefined) ?? []);
    const inner = `${indent}  `;
    const lines = Object.entries(properties).map(
      ([name, property]) =>
        `${inner}${name}${required.has(name) ? '' : '?'}: ${describeSchema(property, inner)}${boundsOf(property)}`,
    );
    return `{\n${lines.join('\n')}\n${indent}}`;
  }
  if (type === 'object')
    return `{ [name]: ${describeSchema(typeof additionalProperties === 'object' ? additionalProperties : {}, indent)} }`;
  return type === undefined ? 'any JSON' : [type].flat().join(' | ');
}

interface Shape {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

const bounds = {
  minLength: 'at least this long',
  maxLength: 'at most this long',
  minimum: 'from',
  maximum: 'up to',
  minItems: 'at least so many',
  maxItems: 'at most so many',
  default: 'default',
} as const;

function boundsOf(schema: JsonSchema): string {
  const told = Object.entries(bounds)
    .filter(([name]) => name in schema)
    .map(([name, words]) => `${words} ${JSON.stringify(schema[name])}`);
  return told.length === 0 ? '' : `  // ${told.join(', ')}`;
}
