import { limits, startBatch, startSaga } from '@reliable-ops/contracts';
import {
  checkRequest,
  InvalidRequestError,
  UnknownSagaError,
  type AcceptRequest,
  type Registry,
} from '@reliable-ops/saga';
import type { Context } from 'hono';
import type { z } from 'zod';
import { jsonLinesTypes, jsonType, mediaTypeOf, parseJson, readText } from '../body.ts';
import { badRequest, ProblemError } from '../problem.ts';

type Checked = AcceptRequest['sagas'][number];

/** The body of POST /v1/sagas. */
export async function readSingle(registry: Registry, context: Context): Promise<Checked> {
  mediaTypeOf(context, [jsonType]);
  const body = parseJson(await readText(context), 'body');
  const { saga, input } = parseEnvelope(startSaga, body);
  return check(registry, saga, input, 'input');
}

/** The body of POST /v1/sagas/batch, in either form. */
export async function readBatch(registry: Registry, context: Context): Promise<Checked[]> {
  const type = mediaTypeOf(context, [jsonType, ...jsonLinesTypes]);
  const text = await readText(context);
  if (type !== jsonType) return parseLines(registry, text);
  const { saga, inputs } = parseEnvelope(startBatch, parseJson(text, 'body'));
  return inputs.map((input, index) => check(registry, saga, input, `inputs.${index}`));
}

/** A line a saga; blank lines count as lines but ask for nothing. */
function parseLines(registry: Registry, text: string): Checked[] {
  const checked: Checked[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    if (checked.length === limits.batchSagas) throw tooMany('body');
    const place = `line ${index + 1}`;
    const { saga, input } = parseEnvelope(startSaga, parseJson(line, place), `${place}: `);
    checked.push(check(registry, saga, input, `${place}: input`));
  }
  if (checked.length === 0) throw badRequest('body', 'body: holds no line that asks for a saga');
  return checked;
}

function parseEnvelope<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
  place = '',
): z.infer<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  if (issue.code === 'too_big') throw tooMany('inputs');
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
  const field = place + (path.length > 0 ? path.join('.') : 'body');
  throw badRequest(field, `${field}: ${issue.message}`);
}

const tooMany = (field: string): ProblemError =>
  new ProblemError(
    413,
    'TOO_LARGE',
    `${field}: a batch may hold ${limits.batchSagas} sagas: send several`,
    { field },
  );

function check(registry: Registry, saga: string, input: unknown, field: string): Checked {
  try {
    return checkRequest(registry, saga, input, field);
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidRequestError(field, 'is nested too deeply');
    const place = /^line \d+: /.exec(field)?.[0];
    if (error instanceof UnknownSagaError && place !== undefined)
      throw badRequest(`${place}saga`, `${place}${error.message}`);
    throw error;
  }
}
