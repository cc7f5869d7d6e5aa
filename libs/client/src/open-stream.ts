import type { Endpoint } from './endpoint.ts';
import { ClientError, UnreachableError } from './errors.ts';
import {
  checkStatus,
  describeError,
  describeStatus,
  describeUnreachable,
  httpOf,
  passingStatuses,
  type Call,
} from './transport.ts';

/**
 * One call whose answer grows, as text; it may take as long as it likes, so long as something comes within `idleMs`. Throws
 * what `createTransport` throws. Whoever stops reading ends the call.
 */
export async function* openStream(
  endpoint: Endpoint,
  signal: AbortSignal,
  { path, query, body, accept }: Pick<Call, 'path' | 'query' | 'body'> & { accept?: string },
  idleMs: number,
): AsyncGenerator<string, void> {
  const idle = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const hear = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(new DOMException('', 'TimeoutError')), idleMs);
  };
  let reached = false;
  try {
    hear();
    const response = await httpOf(endpoint, false)(path, {
      method: body === undefined ? 'get' : 'post',
      searchParams: Object.fromEntries(
        Object.entries(query ?? {}).filter(([, value]) => value !== undefined),
      ),
      ...(body === undefined ? {} : { json: body }),
      ...(accept === undefined ? {} : { headers: { accept } }),
      signal: AbortSignal.any([signal, idle.signal]),
    });
    reached = true;
    const { status, headers } = response;
    if (!response.ok || !response.body) {
      const url = new URL(path, endpoint.url).href;
      const answer = { url, status, headers, text: await response.text() };
      if (passingStatuses.has(status)) throw away(endpoint, describeStatus(answer).reason, true);
      checkStatus(answer, endpoint);
    }
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      hear();
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    if (error instanceof ClientError) throw error;
    if (signal.aborted) throw signal.reason;
    const cause: unknown = idle.signal.aborted ? idle.signal.reason : error;
    throw away(endpoint, describeError(cause, reached).reason, reached);
  } finally {
    clearTimeout(timer);
  }
}

const away = (endpoint: Endpoint, reason: string, reached: boolean): UnreachableError =>
  new UnreachableError(describeUnreachable(endpoint, reason, reached));
