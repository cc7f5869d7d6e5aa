import type { Outcome } from '@reliable-ops/saga';
import { TimeoutError } from 'ky';
import { types } from 'node:util';

/** Only a 4xx says that nothing was done, time-out and too many requests excepted. After anything else it may have been. */
const isRefusal = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429;

/** What an answer that is not a success means for the command. */
export function outcomeOfStatus(status: number, message: string): Outcome {
  const error = `${status} ${message}`;
  return isRefusal(status) ? { result: 'rejected', error } : { result: 'unknown', error };
}

/** No answer at all, or one that cannot be read: the change may have happened. */
export function outcomeOfError(error: unknown): Outcome {
  return { result: 'unknown', error: describeError(error) };
}

/** The reason that helps: `fetch failed` hides it in its cause. */
export function describeError(error: unknown): string {
  if (error instanceof TimeoutError) return 'no answer within the time-out';
  if (!types.isNativeError(error)) return String(error);
  const { cause } = error;
  if (types.isNativeError(cause)) {
    const code = 'code' in cause && cause.code ? `${String(cause.code)} ` : '';
    return `${code}${cause.message}`.trim() || error.message;
  }
  return error.message;
}
