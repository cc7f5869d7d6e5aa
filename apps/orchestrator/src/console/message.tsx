/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { ProblemError } from '../problem.ts';

/** What went wrong, in place of the page. */
export const ProblemPage = ({ problem: { status, code, message } }: { problem: ProblemError }) => (
  <>
    <h1>{titleOf(status)}</h1>
    <p class="notice bad" role="alert">
      {message}
    </p>
    <p class="quiet">
      <code>{code}</code>
    </p>
    <p>
      <a href="/">To the overview</a>
    </p>
  </>
);

const titleOf = (status: number): string =>
  status === 404
    ? 'There is nothing here'
    : status === 503
      ? 'Not reachable right now'
      : 'That did not work';
