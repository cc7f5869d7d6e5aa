import {
  batchAccepted,
  batchCounts,
  limits,
  sagaPage,
  sagaSummary,
  sagaView,
  startBatch,
  startSaga,
} from '@reliable-ops/contracts';
import { z } from 'zod';
import { sagaParameters } from '../../sagas/query.ts';
import * as examples from '../examples.ts';
import { ofBody, ofPostgres } from '../errors.ts';
import type { Operation, Parameter } from '../operation.ts';
import { json, idInPath, queryOf } from './parameters.ts';

const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Makes the request safe to send again: the same key and body give the same saga or batch, as long as the log keeps it',
  schema: z.string().min(1).max(limits.idempotencyKeyLength),
  example: 'order-17',
};

const location = (description: string) => ({ description, isRequired: true });

export const sagas: Operation[] = [
  {
    id: 'startSaga',
    method: 'post',
    path: '/v1/sagas',
    tag: 'sagas',
    summary: 'Start a saga',
    description:
      'What is answered is committed. With `Prefer: wait=N` the answer waits up to N seconds for the end of the saga.',
    parameters: [
      idempotencyKey,
      {
        name: 'Prefer',
        in: 'header',
        description: `\`wait=<seconds>\` (RFC 7240), at most ${limits.waitSeconds}`,
        schema: z.string(),
        example: 'wait=10',
      },
    ],
    body: {
      isRequired: true,
      content: json(startSaga, { saga: 'create-group', input: { groupId: '5' } }),
    },
    answers: {
      200: {
        description: 'It was waited for, and has ended',
        content: json(sagaView, examples.view),
        headers: {
          Location: location('The saga'),
          'Preference-Applied': { description: '`wait`', isRequired: true },
        },
      },
      202: {
        description: 'It is accepted, and goes on',
        content: json(sagaSummary, examples.running),
        headers: {
          Location: location('The saga'),
          'Preference-Applied': {
            description: '`wait`, where it was waited for',
            isRequired: false,
          },
        },
      },
    },
    errors: [
      ...ofBody,
      'UNKNOWN_SAGA',
      'IDEMPOTENCY_CONFLICT',
      'OVERLOADED',
      'NOT_FOUND',
      ...ofPostgres,
    ],
  },
  {
    id: 'startBatch',
    method: 'post',
    path: '/v1/sagas/batch',
    tag: 'sagas',
    summary: 'Start many sagas, all or none',
    description: `Up to ${limits.batchSagas}: as one document with \`inputs\`, or as NDJSON, a line a saga.`,
    parameters: [idempotencyKey],
    body: {
      isRequired: true,
      content: {
        ...json(startBatch, {
          saga: 'create-group',
          inputs: [{ groupId: '5' }, { groupId: '6' }],
        }),
        'application/x-ndjson': {
          schema: startSaga,
          example: { saga: 'create-group', input: { groupId: '5' } },
        },
      },
    },
    answers: {
      202: {
        description: 'All are accepted',
        content: json(batchAccepted, { batchId: examples.batchId, accepted: 2 }),
        headers: { Location: location('The batch') },
      },
    },
    errors: [...ofBody, 'UNKNOWN_SAGA', 'IDEMPOTENCY_CONFLICT', 'OVERLOADED', ...ofPostgres],
  },
  {
    id: 'listSagas',
    method: 'get',
    path: '/v1/sagas',
    tag: 'sagas',
    summary: 'List sagas, newest first',
    parameters: queryOf(sagaParameters),
    answers: {
      200: {
        description: 'One page; `cursor` asks for the next',
        content: json(sagaPage, { sagas: [examples.completed], cursor: 'PDEy' }),
      },
    },
    errors: ['INVALID_REQUEST', ...ofPostgres],
  },
  {
    id: 'readSaga',
    method: 'get',
    path: '/v1/sagas/{id}',
    tag: 'sagas',
    summary: 'One saga, with its steps and their attempts',
    parameters: [idInPath('saga')],
    answers: { 200: { description: 'The saga', content: json(sagaView, examples.view) } },
    errors: ['NOT_FOUND', ...ofPostgres],
  },
  {
    id: 'readBatch',
    method: 'get',
    path: '/v1/batches/{id}',
    tag: 'sagas',
    summary: 'Sagas of a batch by status',
    parameters: [idInPath('batch')],
    answers: { 200: { description: 'The counts', content: json(batchCounts, examples.counts) } },
    errors: ['NOT_FOUND', ...ofPostgres],
  },
];
