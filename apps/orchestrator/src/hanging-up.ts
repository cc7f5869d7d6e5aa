import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** Whoever waits for an answer. */
export interface Client {
  hasHungUp(): boolean;
  /** Calls `listener` when it hangs up, unless that is taken back with what this answers. */
  onHangUp(listener: () => void): () => void;
}

/** Node's response behind a request; undefined where no server stands in front of the app. */
export const serverResponseOf = ({ env }: Context): ServerResponse | undefined =>
  (env as Partial<HttpBindings> | undefined)?.outgoing as ServerResponse | undefined;

/** Asked of Node's response: asking the request for its `signal` makes an AbortController each time, and later a Request. */
export function clientOf(context: Context): Client {
  const response = serverResponseOf(context);
  if (!response) return clientBehind(context.req.raw.signal);
  return {
    hasHungUp: () => response.destroyed,
    onHangUp(listener) {
      response.once('close', listener);
      return () => response.off('close', listener);
    },
  };
}

export function clientBehind(signal: AbortSignal): Client {
  return {
    hasHungUp: () => signal.aborted,
    onHangUp(listener) {
      signal.addEventListener('abort', listener);
      return () => signal.removeEventListener('abort', listener);
    },
  };
}
