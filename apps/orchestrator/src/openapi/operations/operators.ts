import {
  limits,
  operatedViews,
  operatorBody,
  operatorBulkBody,
  participantViews,
  pausedView,
  resolveBody,
  resolveBulkBody,
  retryStuckBody,
  retryStuckView,
  sagaView,
  stuckView,
  type OperatorVerb,
} from '@reliable-ops/contracts';
import type { z } from 'zod';
import * as examples from '../examples.ts';
import { ofBody, ofPostgres } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { json, idInPath, nameInPath } from './parameters.ts';

const verbs: Record<OperatorVerb, { summary: string; body: z.ZodType; bulk: z.ZodType }> = {
  cancel: {
    summary: 'a queued saga ends at once, a running one is taken back',
    body: operatorBody,
    bulk: operatorBulkBody,
  },
  retry: {
    summary: 'what waits for its next attempt makes it now',
    body: operatorBody,
    bulk: operatorBulkBody,
  },
  resolve: {
    summary: 'a compensating saga ends, vouched for by hand',
    body: resolveBody,
    bulk: resolveBulkBody,
  },
};
const contended = (verb: OperatorVerb) => (verb === 'resolve' ? (['CONTENDED'] as const) : []);

const operated: Operation[] = Object.entries(verbs).flatMap(([name, { summary, body, bulk }]) => {
  const verb = name as OperatorVerb;
  const title = `${verb[0]!.toUpperCase()}${verb.slice(1)}`;
  return [
    {
      id: `${verb}Saga`,
      method: 'post',
      path: `/v1/sagas/{id}/${verb}`,
      tag: 'operators',
      summary: `${title} a saga: ${summary}`,
      parameters: [idInPath('saga')],
      body: { isRequired: verb === 'resolve', content: json(body, examples.operator) },
      answers: {
        200: { description: 'It has ended so', content: json(sagaView, examples.view) },
        202: { description: 'It is on its way', content: json(sagaView, examples.takenBack) },
      },
      errors: [...ofBody, 'NOT_FOUND', 'REFUSED', ...contended(verb), ...ofPostgres],
    },
    {
      id: `${verb}Sagas`,
      method: 'post',
      path: `/v1/sagas/${verb}`,
      tag: 'operators',
      summary: `${title} many sagas, up to ${limits.operatedSagas}`,
      body: {
        isRequired: true,
        content: json(bulk, { ...examples.operator, ids: ['12', '13'] }),
      },
      answers: {
        200: {
          description: 'An answer for each, in the order asked',
          content: json(operatedViews, {
            sagas: [
              { id: '12', result: 'begun', reason: null },
              { id: '13', result: 'refused', reason: 'saga 13 has completed' },
            ],
          }),
        },
      },
      errors: [...ofBody, ...contended(verb), ...ofPostgres],
    },
  ] satisfies Operation[];
});

export const operators: Operation[] = [
  ...operated,
  {
    id: 'readStuck',
    method: 'get',
    path: '/v1/stuck',
    tag: 'operators',
    summary: 'Why stuck sagas cannot be taken back, causes grouped',
    answers: {
      200: {
        description: 'The commonest cause first',
        content: json(stuckView, {
          sagas: 2,
          causes: [{ participant: 'node02', error: 'connection refused', sagas: 2 }],
        }),
      },
    },
    errors: ofPostgres,
  },
  {
    id: 'retryStuck',
    method: 'post',
    path: '/v1/stuck/retry',
    tag: 'operators',
    summary: 'Retry all stuck sagas, as a ramp',
    description: 'Works for some seconds; where `next` is not null, ask again with it as `from`.',
    body: {
      isRequired: false,
      content: json(retryStuckBody, { by: 'anna', note: 'node02 is back', perSecond: 100 }),
    },
    answers: {
      202: {
        description: 'They are tried again',
        content: json(retryStuckView, { sagas: 2, hastened: 2, seconds: 1, next: null }),
      },
    },
    errors: [...ofBody, ...ofPostgres],
  },
  {
    id: 'readParticipants',
    method: 'get',
    path: '/v1/participants',
    tag: 'operators',
    summary: 'Who carries out steps, and who is paused',
    answers: {
      200: {
        description: 'Each with the jobs of its queue',
        content: json(participantViews, { participants: [examples.participant] }),
      },
    },
    errors: ofPostgres,
  },
  ...(['pause', 'resume'] as const).map((verb): Operation => ({
    id: verb,
    method: 'post',
    path: `/v1/participants/{name}/${verb}`,
    tag: 'operators',
    summary:
      verb === 'pause'
        ? 'Pause a node: no attempt is begun there until it is resumed'
        : 'Resume a node: deadlines move by as long as it was paused',
    parameters: [nameInPath('name')],
    body: {
      isRequired: false,
      content: json(operatorBody, { by: 'anna', note: 'new disks' }),
    },
    answers: {
      200: {
        description: 'The node as it is now',
        content: json(pausedView, {
          ...(verb === 'pause' ? examples.paused : examples.participant),
          told: true,
        }),
      },
    },
    errors: [...ofBody, 'NOT_FOUND', ...ofPostgres],
  })),
];
