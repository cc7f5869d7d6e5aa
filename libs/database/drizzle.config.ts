import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/schema/saga.ts', './src/schema/nodes.ts'],
  out: './migrations',
  schemaFilter: ['saga', 'node01', 'node02', 'node03'],
});
