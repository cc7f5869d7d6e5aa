export * from './array-literal.ts';
export * from './connect.ts';
export * from './migrate.ts';
export * as nodeSchemas from './schema/nodes.ts';
