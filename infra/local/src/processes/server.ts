import type { Child, Exit } from './child.ts';

/** A server that runs as our child on a port of this machine. */
export interface LocalServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export function serverOf(
  child: Child,
  { url, port }: Pick<LocalServer, 'url' | 'port'>,
): LocalServer {
  const stop = async () => void (await child.stop());
  return {
    url,
    port,
    pid: child.pid,
    exited: child.exited,
    kill: child.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
