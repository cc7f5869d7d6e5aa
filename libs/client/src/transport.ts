import { problem } from '@reliable-ops/contracts';
import ky, { type KyInstance } from 'ky';
import type { ZodType } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { ContractError, RefusedError, UnauthorizedError, UnreachableError } from './errors.ts';
import { pause } from './pause.ts';

/** How long a call is repeated: an orchestrator that its supervisor restarts is back well before. */
export const patienceMs = 60_000;
/** One try of a call. A full chunk is one transaction; it takes far less unless Postgres is in trouble. */
const callTimeoutMs = 15_000;
const firstDelayMs = 100;
const longestDelayMs = 5_000;
/** An orchestrator that is full says when to come again; one that says longer is asked meanwhile. */
const longestRefusalMs = 60_000;

/** "Not now", or a gateway that lost the reply: the same call may come again. */
export const passingStatuses = new Set([408, 429, 502, 503, 504]);
/** The connection stood, so the call may have arrived. Others (refused, no such host, a certificate) never left. */
const lostReplyCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_BODY_TIMEOUT']);

export interface Call {
  /** Below the endpoint's URL, without a slash in front. */
  path: string;
  query?: Record<string, string | number | undefined>;
  /** Makes it a POST, where `method` says nothing else. */
  body?: unknown;
  method?: 'put';
  /** Every repetition of the call carries it, so that it takes effect once. */
  idempotencyKey?: string;
}
export interface Answer {
  url: string;
  status: number;
  headers: Headers;
  text: string;
}

export interface TransportOptions {
  /** Ends every call; they throw its reason. */
  signal: AbortSignal;
  /** How long a call is repeated while nobody answers, in milliseconds; 0: not at all. */
  patienceMs: number;
  /** One try of a call, in milliseconds. Default: 15 s. */
  timeoutMs?: number;
  /** Hears why a call waits: the orchestrator is full. */
  onFull?(reason: string): void;
}

/** What went wrong with one try, and whether another may help. */
interface Failure {
  reason: string;
  mayPass: boolean;
  /** Seconds that the server asked to wait, in ms. */
  retryAfterMs: number;
  /** It is there, and takes no more for now (429). */
  isFull: boolean;
}

export const httpOf = ({ url, token }: Endpoint, timeoutMs: number | false): KyInstance =>
  ky.create({
    prefixUrl: url,
    retry: 0, // ky's own retries know no bound in time
    timeout: timeoutMs,
    throwHttpErrors: false,
    redirect: 'manual', // an orchestrator sends nobody elsewhere, and a POST would become a GET
    headers: {
      accept: 'application/json, application/x-ndjson',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  });

/**
 * Sends calls until they are answered, the same call again where a reply was lost or the answer was
 * "not now", for `patienceMs` (0: one try). The first contact is not repeated when nobody is there at
 * all: whoever forgot to start the orchestrator hears it at once. Where it is full (429) the call waits as long
 * as it takes, since it is there and works; `onFull` hears why.
 */
export function createTransport(
  endpoint: Endpoint,
  options: TransportOptions,
): (call: Call) => Promise<Answer> {
  const { signal, timeoutMs = callTimeoutMs } = options;
  const http = httpOf(endpoint, timeoutMs);
  let reached = false;

  async function tryOnce({ path, query, body, method, idempotencyKey }: Call): Promise<Answer> {
    const response = await http(path, {
      method: method ?? (body === undefined ? 'get' : 'post'),
      searchParams: Object.fromEntries(
        Object.entries(query ?? {}).filter(([, value]) => value !== undefined),
      ),
      ...(body === undefined ? {} : { json: body }),
      ...(idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
      // ky's time-out ends with the headers; this one bounds the body as well.
      signal: AbortSignal.any([signal, AbortSignal.timeout(2 * timeoutMs)]),
    });
    return {
      url: new URL(path, endpoint.url).href,
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    };
  }

  return async function send(call) {
    let giveUpAt = Date.now() + options.patienceMs;
    for (let tried = 1; ; tried++) {
      let failure: Failure;
      try {
        const answer = await tryOnce(call);
        reached = true;
        if (!passingStatuses.has(answer.status)) return checkStatus(answer, endpoint);
        failure = describeStatus(answer);
      } catch (error) {
        if (error instanceof UnauthorizedError || error instanceof RefusedError) throw error;
        if (error instanceof ContractError) throw error;
        if (signal.aborted) throw signal.reason;
        failure = describeError(error, reached);
      }
      const delayMs = delayOf(failure, tried);
      if (failure.isFull && options.patienceMs > 0) {
        giveUpAt = Date.now() + delayMs + options.patienceMs;
        options.onFull?.(failure.reason);
      }
      if (!failure.mayPass || Date.now() + delayMs > giveUpAt) {
        throw new UnreachableError(describeUnreachable(endpoint, failure.reason, reached));
      }
      await pause(delayMs, signal);
    }
  };
}

/** Who is full knows best when to ask again, and is not asked by all in the same moment; else later and later. */
function delayOf({ isFull, retryAfterMs }: Failure, tried: number): number {
  if (isFull && retryAfterMs > 0) return retryAfterMs * (1 + Math.random() / 2);
  const ceilingMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (tried - 1));
  return Math.max(retryAfterMs, ceilingMs * (0.5 + Math.random() / 2));
}

/** `answer`'s body by `schema`. Throws ContractError with the URL and the first thing that is wrong. */
export function readBody<Body>(answer: Answer, schema: ZodType<Body>): Body {
  const parsed = schema.safeParse(parseJson(answer.text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new ContractError(
    `${answer.url} did not answer as an orchestrator of this version does (${place}${issue?.message ?? 'no reason'})`,
  );
}

export function checkStatus(answer: Answer, { token, advice }: Endpoint): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  if (answer.status === 401) {
    const what = token === undefined ? 'wants a token' : 'does not know this token';
    throw new UnauthorizedError(`${answer.url} ${what}${advice ? `: ${advice.token}` : ''}`);
  }
  const refusal = problem.safeParse(parseJson(answer.text));
  if (refusal.success) throw new RefusedError(refusal.data);
  throw new ContractError(
    `${answer.url} answered ${answer.status} without a reason: is this an orchestrator?`,
  );
}

export function describeStatus({ status, headers, text }: Answer): Failure {
  const refusal = problem.safeParse(parseJson(text));
  const seconds = Number(headers.get('retry-after'));
  const isFull = status === 429;
  const longestMs = isFull ? longestRefusalMs : longestDelayMs;
  return {
    reason: refusal.success ? refusal.data.detail : `it answers ${status}`,
    mayPass: true,
    retryAfterMs: seconds > 0 ? Math.min(seconds * 1_000, longestMs) : 0,
    isFull,
  };
}

export function describeError(error: unknown, reached: boolean): Failure {
  const { name, cause } = readError(error);
  if (name === 'TimeoutError')
    return { reason: 'no answer in time', mayPass: true, retryAfterMs: 0, isFull: false };
  const { code, message } = readError(cause ?? error);
  const words: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'no such host',
    ECONNRESET: 'connection lost',
    UND_ERR_SOCKET: 'connection lost',
  };
  return {
    reason: words[code] ?? (message || code),
    mayPass: reached || lostReplyCodes.has(code),
    retryAfterMs: 0,
    isFull: false,
  };
}

/**
 * fetch wraps what the socket said in the `cause` of a TypeError; the code is there. Read by shape: a
 * DOMException is no Error to every test that Node offers.
 */
function readError(error: unknown) {
  const shape = (typeof error === 'object' ? error : undefined) as
    { name?: unknown; message?: unknown; code?: unknown; cause?: unknown } | null | undefined;
  return {
    name: shape?.name,
    message: String(shape?.message ?? error),
    code: String(shape?.code ?? ''),
    cause: shape?.cause,
  };
}

export function describeUnreachable(endpoint: Endpoint, reason: string, reached: boolean): string {
  const url = endpoint.url.replace(/\/$/, '');
  if (reached) return `the orchestrator at ${url} cannot serve now: ${reason}`;
  const source = endpoint.source ? ` from ${endpoint.source}` : '';
  const advice = endpoint.advice ? `: ${endpoint.advice.unreachable}` : '';
  return `no orchestrator at ${url}${source} (${reason})${advice}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
