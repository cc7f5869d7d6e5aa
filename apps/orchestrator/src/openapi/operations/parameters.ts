import { limits } from '@reliable-ops/contracts';
import { z } from 'zod';
import * as examples from '../examples.ts';
import { type Content, type Parameter } from '../operation.ts';

export const json = (schema: z.ZodType, example: unknown): Record<string, Content> => ({
  'application/json': { schema, example },
});

export const idInPath = (of: string): Parameter => ({
  name: 'id',
  in: 'path',
  description: `Id of the ${of}`,
  schema: z.string(),
  example: of === 'saga' ? '12' : examples.batchId,
  isRequired: true,
});
export const nameInPath = (name: string): Parameter => ({
  name,
  in: 'path',
  description: 'A node, as NODES names it',
  schema: z.string(),
  example: 'node02',
  isRequired: true,
});
const inQuery: Record<string, Omit<Parameter, 'name' | 'in' | 'schema'>> = {
  status: { description: 'Only sagas in this status', example: 'compensating' },
  saga: { description: 'Only sagas of this name', example: 'create-group' },
  key: { description: 'Only sagas of this lane', example: 'group:5' },
  stuck: { description: 'Only sagas that are stuck, or are not', example: 'true' },
  limit: { description: `1 to ${limits.pageSagas}; without it 50`, example: '50' },
  cursor: { description: 'The `cursor` of the page before', example: 'PDEy' },
};
export const queryOf = ({ shape }: z.ZodObject): Parameter[] =>
  Object.entries(shape).map(([name, schema]) => ({
    name,
    in: 'query',
    schema: schema as z.ZodType,
    ...inQuery[name]!,
  }));
