type Target = 'orchestrator' | 'node-api';

/** One request, as it is to be sent. */
export interface FuzzRequest {
  target: Target;
  method: string;
  path: string;
  /** Requests may share them, and one is in flight when the next is made. */
  headers: Readonly<Record<string, string>>;
  body: Buffer | undefined;
  /** `chunked`: without its length; `raw`: `bytes` go on a connection of their own, as they are. */
  framing: 'length' | 'chunked' | 'raw';
  bytes?: Buffer;
  /** Of a raw one: nobody can answer, since it never ends. */
  isPartial?: boolean;
}

export interface FuzzReply {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** For people: what was sent, in a line. */
export function describeRequest({
  target,
  method,
  path,
  headers,
  body,
  bytes,
}: FuzzRequest): string {
  if (bytes) return `${target} raw ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`;
  const sent =
    body === undefined ? '' : ` ${JSON.stringify(body.toString('latin1').slice(0, 300))}`;
  return `${target} ${method} ${JSON.stringify(path.slice(0, 200))} ${JSON.stringify(headers).slice(0, 300)}${sent}`;
}
