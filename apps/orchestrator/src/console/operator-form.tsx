/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { limits, type OperatorVerb, type SagaView } from '@reliable-ops/contracts';
import { consequencesOf } from './consequences.ts';
import { visibleText } from './words.tsx';

const titles: Record<OperatorVerb, string> = {
  cancel: 'Cancel this saga?',
  retry: 'Retry now?',
  resolve: 'Resolve this saga?',
};

/** What will happen, and the button that makes it happen. Shown as a page, or by the script as a dialog. */
export function OperatorForm({
  verb,
  view,
  problem,
}: {
  verb: OperatorVerb;
  view: SagaView;
  /** Why it was not done. */
  problem: string | null;
}) {
  const consequences = consequencesOf(verb, view);
  const here = `/sagas/${view.id}`;
  return (
    <div class="confirm">
      <h1 id="dialog-title">{titles[verb]}</h1>
      <p>
        Saga <a href={here}>{view.id}</a>, <span class="code">{visibleText(view.key)}</span>, is{' '}
        {view.status}
        {view.stuck ? ' and stuck' : ''}.
      </p>
      {problem === null ? null : (
        <p class="notice bad" role="alert">
          {problem}
        </p>
      )}
      {consequences === undefined ? (
        <p>This makes no sense for it as it is now.</p>
      ) : (
        <form method="post" action={`${here}/${verb}`}>
          <ul>
            {consequences.sentences.map((sentence) => (
              <li>{sentence}</li>
            ))}
          </ul>
          <OperatorFields needsNote={verb === 'resolve'} />
          <p class="acts">
            <button class="button main" type="submit">
              {consequences.act}
            </button>
            <a class="button" href={here} data-close>
              Leave it as it is
            </a>
          </p>
        </form>
      )}
    </div>
  );
}

export const OperatorFields = ({
  needsNote = false,
  prefix = '',
}: {
  needsNote?: boolean;
  prefix?: string;
}) => (
  <div class="fields">
    <label for={`${prefix}by`}>Your name</label>
    <input id={`${prefix}by`} name="by" autocomplete="name" maxlength={limits.operatorLength} />
    <label for={`${prefix}note`}>
      {needsNote ? 'Why (it stays in the history)' : 'Why (if you like)'}
    </label>
    <input
      id={`${prefix}note`}
      name="note"
      autocomplete="off"
      maxlength={limits.noteLength}
      required={needsNote}
    />
  </div>
);
