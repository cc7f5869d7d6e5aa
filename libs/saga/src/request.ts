import type { SagaDefinition, Registry } from './definition.ts';
import { InvalidRequestError, UnknownSagaError } from './errors.ts';
import type { Json } from './json.ts';

/** Bytes of a lane's key: it is a Postgres index key, which holds about 2,700. */
const keyBytes = 2_000;

/**
 * Checks what somebody asks for. `field` is the path to `input` in what he sent.
 * Throws UnknownSagaError, or InvalidRequestError naming the field.
 */
export function checkRequest(
  registry: Registry,
  saga: string,
  input: unknown,
  field = 'input',
): { definition: SagaDefinition; input: Json } {
  const definition = registry.latest(saga);
  if (!definition)
    throw new UnknownSagaError(`no saga "${saga}": there are ${registry.names.join(', ')}`);
  const parsed = definition.input.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new InvalidRequestError([field, ...issue.path].join('.'), issue.message);
  }
  const accepted = parsed.data as Json;
  const text = JSON.stringify(accepted);
  // Postgres keeps neither in text nor in jsonb; JSON.stringify writes both as escapes.
  if (/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(text))
    throw new InvalidRequestError(field, 'must not hold NUL characters or lone surrogates');
  if (Buffer.byteLength(definition.key(accepted)) > keyBytes)
    throw new InvalidRequestError(field, `its key is longer than ${keyBytes} bytes`);
  return { definition, input: accepted };
}
