import {
  attemptView,
  batchAccepted,
  batchCounts,
  changedSaga,
  changesEvent,
  clusterFaults,
  clusterView,
  historyView,
  nodeFaults,
  operatedViews,
  operatorBody,
  operatorBulkBody,
  participantView,
  participantViews,
  pausedView,
  problem,
  reconcileLine,
  reconcileRequest,
  resolveBody,
  resolveBulkBody,
  retryStuckBody,
  retryStuckView,
  sagaPage,
  sagaSummary,
  sagaView,
  startBatch,
  startSaga,
  statusView,
  stepView,
  stuckView,
  verifyLine,
} from '@reliable-ops/contracts';
import type { z } from 'zod';
import { errors, everywhere, type ErrorCode } from './errors.ts';
import { problemOf } from './examples.ts';
import {
  tags,
  type Answer,
  type AnswerHeader,
  type Content,
  type Operation,
  type Parameter,
} from './operation.ts';
import { operations } from './operations/index.ts';
import { nameSchemas, type JsonSchema } from './schemas.ts';

export interface Document {
  openapi: '3.1.1';
  info: Record<string, unknown>;
  tags: { name: string; description: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: {
    schemas: Record<string, JsonSchema>;
    securitySchemes: Record<string, JsonSchema>;
  };
}
export interface DocumentedOperation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security?: [];
  parameters?: JsonSchema[];
  requestBody?: { required: boolean; content: DocumentedContent };
  responses: Record<string, DocumentedAnswer>;
}
export type DocumentedContent = Record<
  string,
  {
    schema: JsonSchema;
    example?: unknown;
    examples?: Record<string, { summary: string; value: unknown }>;
  }
>;
export interface DocumentedAnswer {
  description: string;
  headers?: Record<string, { description: string; required: boolean; schema: JsonSchema }>;
  content?: DocumentedContent;
}

/** Contracts that the document names: what is sent and what is answered differ, where there are defaults. */
const sent = {
  startSaga,
  startBatch,
  operatorBody,
  operatorBulkBody,
  resolveBody,
  resolveBulkBody,
  retryStuckBody,
  reconcileRequest,
};
const answered = {
  problem,
  sagaSummary,
  sagaView,
  sagaPage,
  stepView,
  attemptView,
  historyView,
  batchAccepted,
  batchCounts,
  changesEvent,
  changedSaga,
  operatedViews,
  retryStuckView,
  stuckView,
  participantView,
  participantViews,
  pausedView,
  clusterFaults,
  nodeFaults,
  clusterView,
  statusView,
  verifyLine,
  reconcileLine,
};

/** The document, from the contracts and the table of operations. */
export function createDocument(version: string): Document {
  const forBodies = nameSchemas(sent, 'input');
  const forAnswers = nameSchemas(answered, 'output');

  const contentOf = (
    content: Record<string, Content>,
    schemaOf: (schema: z.ZodType) => JsonSchema,
  ): DocumentedContent =>
    Object.fromEntries(
      Object.entries(content).map(([type, { schema, example }]) => [
        type,
        { schema: schemaOf(schema), example },
      ]),
    );
  const answerOf = ({ description, content, headers = {} }: Answer): DocumentedAnswer => ({
    description,
    ...(content ? { content: contentOf(content, forAnswers.schemaOf) } : {}),
    headers: headersOf(headers),
  });
  const documented = ({ id, tag, summary, description, ...rest }: Operation) => {
    const { parameters = [], body, answers, errors: refusals, path } = rest;
    return {
      operationId: id,
      tags: [tag],
      summary,
      ...(description === undefined ? {} : { description }),
      ...(isOpen(path) ? { security: [] as [] } : {}),
      parameters: parameters.map((parameter) => parameterOf(parameter, forBodies.schemaOf)),
      ...(body
        ? {
            requestBody: {
              required: body.isRequired,
              content: contentOf(body.content, forBodies.schemaOf),
            },
          }
        : {}),
      responses: {
        ...refusalsOf([
          ...refusals,
          ...everywhere,
          ...(isOpen(path) ? [] : (['UNAUTHORIZED'] as const)),
        ]),
        ...Object.fromEntries(
          Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]),
        ),
      },
    } satisfies DocumentedOperation;
  };

  const paths: Document['paths'] = {};
  for (const operation of operations)
    (paths[operation.path] ??= {})[operation.method] = documented(operation);

  return {
    openapi: '3.1.1',
    info: {
      title: 'reliable-ops',
      version,
      description:
        'Makes a change on every node of an unreliable cluster, or on none of them. Errors are `application/problem+json`; their codes are stable.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas: { ...forBodies.schemas, ...forAnswers.schemas },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'One of API_TOKENS' },
        basic: { type: 'http', scheme: 'basic', description: 'One of API_TOKENS as the password' },
      },
    },
  };
}

const isOpen = (path: string): boolean => path === '/healthz' || path === '/readyz';

/** Headers that come with each refusal of a status. */
const refusalHeaders: Record<number, Record<string, AnswerHeader>> = {
  401: { 'WWW-Authenticate': { description: 'How to send a token', isRequired: true } },
  415: { Accept: { description: 'What this path takes', isRequired: true } },
  429: { 'Retry-After': { description: 'Seconds', isRequired: true } },
  503: { 'Retry-After': { description: 'Seconds', isRequired: true } },
};

/** Problems by status, with an example for each code. */
function refusalsOf(codes: ErrorCode[]): Record<string, DocumentedAnswer> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = errors[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, own]) => [
      status,
      {
        description: own.map((code) => `\`${code}\`: ${errors[code].means}`).join('. '),
        headers: headersOf(refusalHeaders[status] ?? {}),
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(
              own.map((code) => {
                const { means } = errors[code];
                return [code, { summary: means, value: problemOf(status, code, means) }];
              }),
            ),
          },
        },
      },
    ]),
  );
}

const headersOf = (
  headers: Record<string, AnswerHeader>,
): NonNullable<DocumentedAnswer['headers']> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, { description, isRequired }]) => [
      name,
      { description, required: isRequired, schema: { type: 'string' } },
    ]),
  );

const parameterOf = (
  { name, in: place, description, schema, example, isRequired = false }: Parameter,
  schemaOf: (schema: z.ZodType) => JsonSchema,
): JsonSchema => {
  // A default belongs to the value that is read, and not to the text that is sent.
  const { default: _, ...sentSchema } = schemaOf(schema);
  return { name, in: place, description, required: isRequired, schema: sentSchema, example };
};
