import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { InterruptedError } from './errors.ts';
import type { Io } from './io.ts';

const endKeys = ['q', 'Q', '\u0003']; // Ctrl-C is a key like any other while the terminal is raw

/** A signal that `q` aborts as Ctrl-C does, on a terminal; elsewhere it is that of `io`. `stop` gives the keys back. */
export function listenForQuit(io: Io): { signal: AbortSignal; stop(): void } {
  const { stdin, signal } = io;
  if (stdin?.isTTY !== true || stdin.setRawMode === undefined || !isInForeground())
    return { signal, stop() {} };
  const quit = new AbortController();
  const hear = (keys: Buffer): void => {
    if (endKeys.some((key) => keys.includes(key))) quit.abort(new InterruptedError());
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

/** Behind `&` the kernel stops whoever touches the terminal's mode or its keys. Where it is not known: no. */
function isInForeground(): boolean {
  try {
    // pid (name) state ppid pgrp session tty tpgid ...: the name may hold blanks and brackets.
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return group === foreground;
  } catch {
    const asked = spawnSync('ps', ['-o', 'stat=', '-p', String(process.pid)], { encoding: 'utf8' });
    return asked.stdout?.includes('+') === true;
  }
}
