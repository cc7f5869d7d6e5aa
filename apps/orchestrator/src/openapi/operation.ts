import type { ZodType } from 'zod';
import type { ErrorCode } from './errors.ts';

/** What a path does, as the document tells it. */
export interface Operation {
  /** Names it, also for generated clients. */
  id: string;
  method: 'get' | 'post' | 'put';
  /** As OpenAPI writes it: `/v1/sagas/{id}`. */
  path: string;
  tag: Tag;
  summary: string;
  description?: string;
  parameters?: Parameter[];
  /** By media type. */
  body?: { isRequired: boolean; content: Record<string, Content> };
  /** By status. Refusals are in `errors`. */
  answers: Record<number, Answer>;
  /** Besides those of every operation. */
  errors: ErrorCode[];
}

export const tags = {
  sagas: 'Start sagas, and see what becomes of them',
  events: 'What changes from now on, as server-sent events',
  operators: 'What people do when something does not go by itself',
  cluster: 'The nodes, and whether they are what the log says',
  process: 'The orchestrator itself',
} as const;
type Tag = keyof typeof tags;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  description: string;
  schema: ZodType;
  example: string;
  isRequired?: boolean;
}

export interface Content {
  /** Of a line where lines are sent, of an event's data where events are. */
  schema: ZodType;
  example: unknown;
}

export interface Answer {
  description: string;
  /** By media type; left out: no body. */
  content?: Record<string, Content>;
  headers?: Record<string, AnswerHeader>;
}

export interface AnswerHeader {
  description: string;
  /** Whether each such answer has it. */
  isRequired: boolean;
}
