import { statusView } from '@reliable-ops/contracts';
import { z } from 'zod';
import * as examples from '../examples.ts';
import { type Operation } from '../operation.ts';
import { json } from './parameters.ts';

export const ofProcess: Operation[] = [
  {
    id: 'readStatus',
    method: 'get',
    path: '/v1/status',
    tag: 'process',
    summary: 'What runs, and how far behind it is',
    answers: {
      200: {
        description: 'What is not reachable is null',
        content: json(statusView, examples.processStatus),
      },
    },
    errors: [],
  },
  {
    id: 'readHealth',
    method: 'get',
    path: '/healthz',
    tag: 'process',
    summary: 'Alive; wants no token',
    answers: {
      200: {
        description: 'It is',
        content: json(z.object({ alive: z.literal(true) }), { alive: true }),
      },
    },
    errors: [],
  },
  {
    id: 'readReadiness',
    method: 'get',
    path: '/readyz',
    tag: 'process',
    summary: 'Ready to accept; wants no token',
    answers: Object.fromEntries(
      [200, 503].map((status) => [
        status,
        {
          description: status === 200 ? 'It is' : 'Postgres does not answer, or is not migrated',
          content: json(z.object({ ready: z.boolean(), redis: z.enum(['connected', 'away']) }), {
            ready: status === 200,
            redis: 'connected',
          }),
        },
      ]),
    ),
    errors: [],
  },
  {
    id: 'readDocument',
    method: 'get',
    path: '/openapi.json',
    tag: 'process',
    summary: 'This document',
    answers: {
      200: {
        description: 'OpenAPI 3.1',
        content: json(z.looseObject({ openapi: z.string() }), { openapi: '3.1.1' }),
      },
    },
    errors: [],
  },
];
