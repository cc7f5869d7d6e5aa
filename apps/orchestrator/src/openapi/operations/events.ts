import { changesEvent, sagaView } from '@reliable-ops/contracts';
import { z } from 'zod';
import { sagaFilter } from '../../sagas/query.ts';
import * as examples from '../examples.ts';
import { ofPostgres } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { idInPath, queryOf } from './parameters.ts';

export const events: Operation[] = [
  {
    id: 'followSagas',
    method: 'get',
    path: '/v1/events',
    tag: 'events',
    summary: 'What changes from now on',
    description:
      'Events named `changes`, at most one each 250 ms; under load an event holds some of the sagas, and says how many it left out. Nothing is repeated: a client connects, waits for the first event, and reads the state; so does one that connects again.',
    parameters: queryOf(sagaFilter),
    answers: {
      200: {
        description: 'A stream, until either side closes it',
        content: { 'text/event-stream': { schema: changesEvent, example: examples.changes } },
      },
    },
    errors: ['INVALID_REQUEST', 'TOO_MANY_STREAMS', 'STOPPING'],
  },
  {
    id: 'followSaga',
    method: 'get',
    path: '/v1/sagas/{id}/events',
    tag: 'events',
    summary: 'One saga, now and at each change',
    description:
      'Events named `saga`, each its whole view. The last one, of its end, has the id `ended`; then the stream ends.',
    parameters: [
      idInPath('saga'),
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'Sent by an EventSource that connects again; `ended`: it has seen the end',
        schema: z.string(),
        example: 'ended',
      },
    ],
    answers: {
      200: {
        description: 'A stream, until the saga has ended',
        content: { 'text/event-stream': { schema: sagaView, example: examples.view } },
      },
      204: { description: 'It has ended, and the client has seen that: nothing more comes' },
    },
    errors: ['NOT_FOUND', 'TOO_MANY_STREAMS', 'STOPPING', ...ofPostgres],
  },
];
