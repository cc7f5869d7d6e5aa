import { InterruptedError } from './errors.ts';
import type { Io } from './io.ts';

const endKeys = /[qQ\u0003]/; // Ctrl-C is a key like any other while the terminal is raw

/** A signal that `q` aborts as Ctrl-C does, on a terminal; elsewhere it is that of `io`. `stop` gives the keys back. */
export function listenForQuit(io: Io): { signal: AbortSignal; stop(): void } {
  const { stdin, signal } = io;
  if (stdin?.isTTY !== true || stdin.setRawMode === undefined) return { signal, stop() {} };
  const quit = new AbortController();
  const hear = (keys: Buffer): void => {
    if (endKeys.test(keys.toString())) quit.abort(new InterruptedError());
  };
  stdin.setRawMode(true);
  stdin.on('data', hear);
  stdin.resume();
  return {
    signal: AbortSignal.any([signal, quit.signal]),
    stop() {
      stdin.off('data', hear);
      stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}
