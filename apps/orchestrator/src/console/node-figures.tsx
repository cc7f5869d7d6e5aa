/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { NodeFacts } from './node-facts.ts';
import { numberText, percentText } from './words.tsx';

/** What a node's card and its panel both say of it, as rows of a <dl>. */
export const NodeFigures = ({
  node: { groups, attemptsPerSecond, failedShare },
}: {
  node: NodeFacts;
}) => (
  <>
    <div>
      <dt>Groups</dt>
      <dd>{groups == null ? '-' : numberText(groups)}</dd>
    </div>
    <div>
      <dt>Calls a second</dt>
      <dd>{numberText(attemptsPerSecond)}</dd>
    </div>
    <div>
      <dt>Errors</dt>
      <dd>{failedShare === null ? '-' : percentText(failedShare)}</dd>
    </div>
  </>
);
