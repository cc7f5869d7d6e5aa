/** Where lines go to. `isTTY`, `columns` and `rows` as Node's own terminal streams have them. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };

/** Keys as a terminal gives them; `setRawMode` where it is one. */
type Input = Pick<NodeJS.ReadStream, 'on' | 'off' | 'resume' | 'pause'> & {
  isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};

/** All that a run touches besides the network, so that a test can stand in for a terminal. */
export interface Io {
  /** Keys, where somebody sits in front of it. */
  stdin?: Input;
  /** Results, and nothing else. */
  stdout: Output;
  /** Progress, notes and errors. */
  stderr: Output;
  env: Readonly<Record<string, string | undefined>>;
  /** Where the search for `.local/stack.json` begins. */
  cwd: string;
  /** Ctrl-C. Its reason is the InterruptedError to end with. */
  signal: AbortSignal;
  /** How long a call that may be repeated is repeated. Default: `patienceMs` of transport.ts. */
  patienceMs?: number;
}
