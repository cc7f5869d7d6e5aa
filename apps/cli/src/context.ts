import { createClient, type Client } from '@reliable-ops/client';
import { findEndpoint } from './endpoint.ts';
import type { Io } from './io.ts';
import { formatTable } from './table.ts';
import { colorsFor, waitingWords, type Colors } from './text.ts';
import { patienceMs } from '@reliable-ops/client';

/** The options as typed; values are strings always. */
export interface Options {
  json: boolean;
  wait: boolean;
  watch: boolean;
  apply: boolean;
  dryRun: boolean;
  url?: string;
  token?: string;
  status?: string;
  key?: string;
  limit?: string;
  stuck?: boolean;
  allStuck?: boolean;
  perSecond?: string;
  by?: string;
  note?: string;
  error?: string;
  lostReply?: string;
  delay?: string;
  reset?: string;
  down?: boolean;
  seed?: string;
  clear?: boolean;
  prefer?: string;
}

/** What a command has at hand. */
export interface Context {
  io: Io;
  options: Options;
  colors: Colors;
  /** A result, to stdout. */
  print(text: string): void;
  /** A result in columns, to stdout: cut to the width of a terminal, elsewhere whole. */
  printTable(head: string[], rows: string[][]): void;
  /** The one document of --json, or one line of NDJSON. */
  printDocument(document: unknown): void;
  /** What is not a result, to stderr. */
  note(text: string): void;
  /**
   * `patient`: calls are repeated while the orchestrator is away, or full; else one try, and the answer at once.
   * `onFull`: says that they wait, and why; default: a note, once.
   */
  connect(mode: 'patient' | 'once', onFull?: (reason: string) => void): Client;
}

export function createContext(io: Io, options: Options): Context {
  const noteOnce = (): ((reason: string) => void) => {
    let isNoted = false;
    return (reason) => {
      if (!isNoted) io.stderr.write(`${waitingWords(reason)}\n`);
      isNoted = true;
    };
  };
  const colors = colorsFor(io.stdout, io.env);
  const print = (text: string): void => void io.stdout.write(`${text}\n`);
  return {
    io,
    options,
    colors,
    print,
    printTable(head, rows) {
      const room = io.stdout.isTTY === true ? io.stdout.columns || 80 : Infinity;
      print(formatTable(head, rows, { colors, room }));
    },
    printDocument: (document) => void io.stdout.write(`${JSON.stringify(document)}\n`),
    note: (text) => void io.stderr.write(`${text}\n`),
    connect: (mode, onFull = noteOnce()) =>
      createClient(findEndpoint(options, io), {
        signal: io.signal,
        patienceMs: mode === 'patient' ? (io.patienceMs ?? patienceMs) : 0,
        onFull,
      }),
  };
}

/** A command: its line of usage as cac reads it, what help says of it, and what it does. */
export interface Command {
  usage: string;
  summary: string;
  /** Besides those that every command has. */
  options?: readonly (readonly [flags: string, summary: string])[];
  /** Further lines of help. */
  details?: readonly string[];
  examples: readonly string[];
  /** The exit code. Throws CliError. */
  run(context: Context, args: readonly string[]): Promise<number>;
}

export const noWait = ['--no-wait', 'Return as soon as all are accepted'] as const;
