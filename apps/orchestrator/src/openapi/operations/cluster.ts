import {
  clusterFaults,
  clusterView,
  nodeFaults,
  reconcileLine,
  reconcileRequest,
  verifyLine,
} from '@reliable-ops/contracts';
import * as examples from '../examples.ts';
import { ofBody, ofPostgres } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { json, nameInPath } from './parameters.ts';

export const cluster: Operation[] = [
  {
    id: 'readCluster',
    method: 'get',
    path: '/v1/cluster',
    tag: 'cluster',
    summary: 'Groups on each node, and whether the nodes agree',
    answers: {
      200: {
        description: 'Null where a node is not reachable',
        content: json(clusterView, {
          consistent: true,
          nodes: { node01: 100, node02: 100, node03: 100 },
        }),
      },
    },
    errors: [],
  },
  {
    id: 'verify',
    method: 'get',
    path: '/v1/verify',
    tag: 'cluster',
    summary: 'Is the cluster what the log says?',
    description: 'A line a finding, a line a second meanwhile, and a summary at the end.',
    answers: {
      200: {
        description: 'NDJSON; a last line `failed` says why there is no summary',
        content: {
          'application/x-ndjson': {
            schema: verifyLine,
            example: { type: 'finding', ...examples.finding },
          },
        },
      },
    },
    errors: ['VERIFY_BUSY', 'STOPPING', ...ofPostgres],
  },
  {
    id: 'reconcile',
    method: 'post',
    path: '/v1/reconcile',
    tag: 'cluster',
    summary: 'What would repair the nodes; with `apply`, repair them',
    body: { isRequired: true, content: json(reconcileRequest, { apply: false }) },
    answers: {
      200: {
        description: 'NDJSON, as for verify',
        content: {
          'application/x-ndjson': {
            schema: reconcileLine,
            example: {
              type: 'planned',
              key: 'group:5',
              change: 'create',
              nodes: ['node02'],
              because: 'saga 12 completed',
            },
          },
        },
      },
    },
    errors: [...ofBody, 'VERIFY_BUSY', 'STOPPING', ...ofPostgres],
  },
  {
    id: 'readFaults',
    method: 'get',
    path: '/v1/faults',
    tag: 'cluster',
    summary: 'What the reference nodes do wrong on purpose',
    answers: {
      200: {
        description: 'By node',
        content: json(clusterFaults, { node01: { ...examples.faults }, node02: examples.faults }),
      },
    },
    errors: ['NO_FAULTS', 'CLUSTER_AWAY'],
  },
  {
    id: 'setFaults',
    method: 'put',
    path: '/v1/faults/{node}',
    tag: 'cluster',
    summary: 'Replace what a node does wrong on purpose',
    parameters: [nameInPath('node')],
    body: { isRequired: false, content: json(nodeFaults, { error: 0.2, delayMs: 50 }) },
    answers: {
      200: { description: 'As it is now', content: json(nodeFaults, examples.faults) },
    },
    errors: [...ofBody, 'NOT_FOUND', 'NO_FAULTS', 'CLUSTER_AWAY'],
  },
];
