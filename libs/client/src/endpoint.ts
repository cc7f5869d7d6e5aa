/** Where the orchestrator is. */
export interface Endpoint {
  /** With or without a slash at its end. */
  url: string;
  token?: string | undefined;
  /** Who said so, for the line that says that nobody answers there. */
  source?: string;
  /** What a person may do about an error; it stands at the end of its message. */
  advice?: { unreachable: string; token: string };
}
