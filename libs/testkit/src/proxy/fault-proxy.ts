import { once, setMaxListeners } from 'node:events';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createDecisions,
  noProxyFaults,
  proxyFaultNames,
  type Decision,
  type ProxyFault,
  type ProxyFaults,
} from './decision.ts';
import { deliver, readParcel, type Parcel, type Reply } from './parcel.ts';

export interface FaultProxyOptions {
  /** Base address of who is behind it. */
  target: string;
  seed: number;
  /** Milliseconds that a late request is held, from and to: longer than its client's patience. */
  lateMs: readonly [from: number, to: number];
  /** The longest wait before a request is delivered again. */
  repeatMs: number;
  /** The longest wait for others to pass, in milliseconds. */
  holdMs: number;
  /** Each delivery, repeats included: what came of it. */
  onDelivery?(delivery: Delivery): void;
}

export interface Delivery {
  parcel: Parcel;
  reply: Reply | Error;
  tookMs: number;
}

/** An HTTP proxy that does to requests what a bad network does. Without faults it only passes them on. */
export interface FaultProxy extends AsyncDisposable {
  url: string;
  /** Replaces all of them; what is left out is off. */
  setFaults(faults: Partial<ProxyFaults>): void;
  /** How often each fault has really happened: late ones were delivered to nobody, reordered ones were overtaken. */
  hits(): Record<ProxyFault, number>;
  /** Requests that it has decided about. */
  requests(): number;
  /** Resolves when it holds nothing back. */
  idle(): Promise<void>;
}

interface Held {
  overtakers: number;
  release(): void;
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { seed, lateMs, repeatMs, holdMs, onDelivery = () => {} } = options;
  const target = new URL(options.target);
  const agent = new Agent({ keepAlive: true });
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one a request that is held back
  const decide = createDecisions(seed);
  const hits = Object.fromEntries(proxyFaultNames.map((name) => [name, 0])) as Record<
    ProxyFault,
    number
  >;
  let faults = noProxyFaults;
  let requests = 0;
  const held = new Set<Held>();
  const underWay = new Set<Promise<void>>();

  const wait = (ms: number): Promise<void> => pause(ms, undefined, { signal: closing.signal });

  const send = async (parcel: Parcel): Promise<Reply> => {
    const since = performance.now();
    const tookMs = (): number => performance.now() - since;
    try {
      const reply = await deliver(parcel, target, agent);
      onDelivery({ parcel, reply, tookMs: tookMs() });
      return reply;
    } catch (error) {
      onDelivery({ parcel, reply: error as Error, tookMs: tookMs() });
      throw error;
    } finally {
      for (const one of held) if (--one.overtakers <= 0) one.release();
    }
  };

  /** Whether it was overtaken; false when nobody else came by in time. */
  const letOthersPass = async (overtakers: number): Promise<boolean> => {
    const passed = new AbortController();
    const one: Held = { overtakers, release: () => passed.abort() };
    held.add(one);
    const signal = AbortSignal.any([passed.signal, closing.signal]);
    await pause(holdMs, undefined, { signal }).catch(() => {});
    held.delete(one);
    closing.signal.throwIfAborted();
    return passed.signal.aborted;
  };

  const sendAgain = async (parcel: Parcel, size: number): Promise<void> => {
    // Half of the repeats race the first one; the others come when it is forgotten.
    if (size >= 0.5) await wait((size - 0.5) * 2 * repeatMs);
    await send(parcel);
    hits.duplicate++;
  };

  const treat = async (
    { fault, size }: Decision,
    parcel: Parcel,
    response: ServerResponse,
  ): Promise<void> => {
    switch (fault) {
      case null:
        return passOn(response, await send(parcel));
      case 'late': {
        const [from, to] = lateMs;
        await wait(from + size * (to - from));
        const gone = response.destroyed;
        const reply = await send(parcel);
        if (gone) hits.late++;
        return passOn(response, reply);
      }
      case 'duplicate':
        keep(sendAgain(parcel, size));
        return passOn(response, await send(parcel));
      case 'reorder':
        if (await letOthersPass(1 + Math.floor(size * 3))) hits.reorder++;
        return passOn(response, await send(parcel));
      case 'lostReply':
        await send(parcel);
        hits.lostReply++;
        return cut(response);
      case 'cutReply':
        await passOnHalf(response, await send(parcel));
        hits.cutReply++;
        return cut(response);
      case 'cut':
        hits.cut++;
        return cut(response);
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('error', () => {}); // its client is gone
    try {
      const parcel = await readParcel(request);
      requests++;
      await treat(decide(faults), parcel, response);
    } catch {
      cut(response); // nobody behind us, or the client left before it had said all
    }
  };

  const keep = (work: Promise<void>): void => {
    const kept: Promise<void> = work.catch(() => {}).then(() => void underWay.delete(kept));
    underWay.add(kept);
  };

  const server = createServer((request, response) => keep(handle(request, response)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    setFaults(given) {
      faults = { ...noProxyFaults, ...given };
    },
    hits: () => ({ ...hits }),
    requests: () => requests,
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await Promise.all(underWay);
    },
  };
}

function passOn(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, { ...headers, 'content-length': body.length });
  response.end(body);
}

/** The head promises more than comes. */
async function passOnHalf(
  response: ServerResponse,
  { status, headers, body }: Reply,
): Promise<void> {
  if (response.destroyed) return;
  response.writeHead(status, { ...headers, 'content-length': body.length });
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (half.length === 0) return response.flushHeaders();
  await new Promise<void>((resolve) => {
    // A client that is gone meanwhile takes nothing, and nobody calls back.
    response.once('close', resolve);
    response.write(half, () => resolve());
  });
}

const cut = (response: ServerResponse): void => void response.socket?.destroy();
