import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Proxy extends AsyncDisposable {
  /** `url` with the proxy in between. */
  url: string;
  /** Cuts all connections and refuses new ones. */
  close(): Promise<void>;
  /** Takes connections again, on the same port. */
  open(): Promise<void>;
  /** Takes connections but carries nothing, until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** A TCP proxy in front of a server: makes it go away for one test, and for nobody else. */
export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  let isFrozen = false;

  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    if (isFrozen) socket.pause();
  };
  const server = createServer((incoming) => {
    const outgoing = connect(Number(targetPort), hostname);
    track(incoming);
    track(outgoing);
    const carry = (from: Socket, to: Socket): void => {
      from.on('data', (data) => to.write(data));
      from.on('close', () => to.destroy());
      if (isFrozen) from.pause();
    };
    carry(incoming, outgoing);
    carry(outgoing, incoming);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    url: url.href,
    close,
    async open() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: close,
  };
}
