import type { ZodType } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { ContractError } from './errors.ts';
import { openStream } from './open-stream.ts';
import type { Call } from './transport.ts';

/** Silence after which nobody is there any more: the orchestrator says something every ten seconds. */
const idleLimitMs = 30_000;

/**
 * The data of server-sent events of this name, until the orchestrator ends the stream. It is not opened again: who lost it
 * reads the state, and follows anew.
 */
export async function* streamEvents<Data>(
  endpoint: Endpoint,
  signal: AbortSignal,
  { path, query }: Pick<Call, 'path' | 'query'>,
  name: string,
  schema: ZodType<Data>,
): AsyncGenerator<Data, void> {
  const call = { path, accept: 'text/event-stream', ...(query ? { query } : {}) };
  let text = '';
  for await (const chunk of openStream(endpoint, signal, call, idleLimitMs)) {
    const events = (text + chunk).split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const fields = readFields(event);
      if (fields['event'] !== name) continue;
      yield parseData(fields['data'] ?? '', schema, new URL(path, endpoint.url).href);
    }
  }
}

/** A field a line; a line that begins with a colon is none. */
const readFields = (event: string): Record<string, string> =>
  Object.fromEntries(
    event
      .split('\n')
      .filter((line) => line.indexOf(':') > 0)
      .map((line) => [line.slice(0, line.indexOf(':')), line.replace(/^\w+: ?/, '')]),
  );

function parseData<Data>(text: string, schema: ZodType<Data>, url: string): Data {
  let parsed;
  try {
    parsed = schema.safeParse(JSON.parse(text));
  } catch {
    parsed = undefined;
  }
  if (parsed?.success) return parsed.data;
  throw new ContractError(`${url} did not answer as an orchestrator of this version does`);
}
