/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { hasEnded, operatorVerbs, type OperatorVerb, type SagaView } from '@reliable-ops/contracts';
import { consequencesOf } from './consequences.ts';
import { StateDiagram } from './state-diagram.tsx';
import { Timeline, phaseWords } from './timeline.tsx';
import {
  durationText,
  Moment,
  ResultBadge,
  StatusBadge,
  StepBadge,
  visibleText,
} from './words.tsx';

const verbWords: Record<OperatorVerb, string> = {
  cancel: 'Cancel ...',
  retry: 'Retry ...',
  resolve: 'Resolve ...',
};

/** One saga, with all that its log tells. `said`: what the operator has just been answered. */
export function SagaDetails({
  view,
  now,
  said,
}: {
  view: SagaView;
  now: number;
  said: string | null;
}) {
  const { id, key, saga, version, status, stuck, error, steps, history } = view;
  return (
    <>
      <header class="head" id="head">
        <div>
          <p class="crumb">
            <a href="/sagas">Sagas</a> / {id}
          </p>
          <h1>{visibleText(key)}</h1>
          <p class="facts">
            <StatusBadge status={status} stuck={stuck} /> <span>{`${saga} v${version}`}</span>
          </p>
        </div>
        <Verbs view={view} />
      </header>
      {said === null ? null : (
        <p class="said" id="said" role="status">
          {said}
        </p>
      )}
      {error === null ? null : (
        <p class="notice warn" id="error">
          <strong>It turned back:</strong> {visibleText(error)}
        </p>
      )}
      <Facts view={view} now={now} />
      <section aria-labelledby="timeline-heading">
        <h2 id="timeline-heading">Timeline</h2>
        <Timeline view={view} now={now} />
        <p class="legend">
          Plain bar: action. Hatched bar: compensation. A cross above it: it failed, or nobody
          knows. Line: it waits.
        </p>
      </section>
      <section aria-labelledby="states-heading">
        <h2 id="states-heading">States</h2>
        <StateDiagram view={view} />
      </section>
      <section aria-labelledby="steps-heading">
        <h2 id="steps-heading">Steps</h2>
        <div class="scroll" tabindex={0} role="group" aria-labelledby="steps-heading">
          <table>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Attempts
                </th>
                <th scope="col">Outcome</th>
                <th scope="col">Last error</th>
              </tr>
            </thead>
            <tbody>
              {steps.map((step) => (
                <tr id={`step-${step.name}`}>
                  <th scope="row">{step.participant}</th>
                  <td>
                    <StepBadge state={step.state} />
                  </td>
                  <td class="number">{step.attempts}</td>
                  <td>
                    <Json value={step.output} />
                  </td>
                  <td class="text">{step.lastError === null ? '' : visibleText(step.lastError)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <p>
          <a href={`/sagas/${id}/jobs`}>Its jobs on the queues</a>
        </p>
      </section>
      <Attempts view={view} />
      <section aria-labelledby="input-heading">
        <h2 id="input-heading">Input</h2>
        <pre class="json" tabindex={0} aria-labelledby="input-heading">
          {visibleJson(view.input, 2)}
        </pre>
      </section>
      <section aria-labelledby="history-heading">
        <h2 id="history-heading">What operators did</h2>
        {history.length === 0 ? (
          <p class="quiet">Nothing.</p>
        ) : (
          <ol class="history">
            {history.map(({ at, verb, by, note }) => (
              <li>
                <Moment at={at} /> <strong>{verb}</strong> by {visibleText(by)}
                {note === null ? '' : `: ${visibleText(note)}`}
              </li>
            ))}
          </ol>
        )}
      </section>
    </>
  );
}

const Verbs = ({ view }: { view: SagaView }) => {
  const verbs = operatorVerbs.filter((verb) => consequencesOf(verb, view) !== undefined);
  if (verbs.length === 0) return null;
  return (
    <div class="verbs" role="group" aria-label="What you can do">
      {verbs.map((verb) => (
        <a id={`verb-${verb}`} class="button" href={`/sagas/${view.id}/${verb}`} data-dialog>
          {verbWords[verb]}
        </a>
      ))}
    </div>
  );
};

const Facts = ({ view, now }: { view: SagaView; now: number }) => {
  const acceptedAt = Date.parse(view.acceptedAt);
  const endedAt = view.endedAt === null ? null : Date.parse(view.endedAt);
  return (
    <dl class="details" id="details">
      <div>
        <dt>Accepted</dt>
        <dd>
          <Moment at={view.acceptedAt} />
        </dd>
      </div>
      <div>
        <dt>Got its lane</dt>
        <dd>
          {view.startedAt === null
            ? 'not yet'
            : `after ${durationText(Date.parse(view.startedAt) - acceptedAt)}`}
        </dd>
      </div>
      <div>
        <dt>{hasEnded(view.status) ? 'Ended' : 'Has taken'}</dt>
        <dd>
          {endedAt === null
            ? durationText(now - acceptedAt)
            : `after ${durationText(endedAt - acceptedAt)}`}
        </dd>
      </div>
      <div>
        <dt>Fencing token</dt>
        <dd>{view.fence ?? 'none yet'}</dd>
      </div>
      <div>
        <dt>Key</dt>
        <dd>
          <a href={`/sagas?${new URLSearchParams({ key: view.key })}`}>All sagas of this key</a>
        </dd>
      </div>
      {view.batchId === null ? null : (
        <div>
          <dt>Batch</dt>
          <dd class="code">{view.batchId}</dd>
        </div>
      )}
    </dl>
  );
};

const Attempts = ({ view }: { view: SagaView }) => {
  const since = Date.parse(view.acceptedAt);
  const attempts = view.steps
    .flatMap((step) => step.log.map((attempt) => ({ step, attempt })))
    .sort((one, other) => Date.parse(one.attempt.startedAt) - Date.parse(other.attempt.startedAt));
  return (
    <section aria-labelledby="attempts-heading">
      <h2 id="attempts-heading">Attempts</h2>
      {attempts.length === 0 ? (
        <p class="quiet">None yet.</p>
      ) : (
        <div class="scroll" tabindex={0} role="group" aria-labelledby="attempts-heading">
          <table>
            <caption>
              The log keeps the last 20 of each step. Times count from when it was accepted.
            </caption>
            <thead>
              <tr>
                <th scope="col" class="number">
                  From
                </th>
                <th scope="col" class="number">
                  Took
                </th>
                <th scope="col">Node</th>
                <th scope="col">What</th>
                <th scope="col" class="number">
                  No.
                </th>
                <th scope="col">Result</th>
                <th scope="col">The node's word, or the error</th>
              </tr>
            </thead>
            <tbody>
              {attempts.map(
                ({ step, attempt: { phase, number, startedAt, endedAt, result, detail } }) => (
                  <tr id={`attempt-${step.name}-${phase}-${number}`}>
                    <td class="number">{durationText(Date.parse(startedAt) - since)}</td>
                    <td class="number">
                      {durationText(Date.parse(endedAt) - Date.parse(startedAt))}
                    </td>
                    <td>{step.participant}</td>
                    <td>{phaseWords[phase]}</td>
                    <td class="number">{number}</td>
                    <td>
                      <ResultBadge result={result} />
                    </td>
                    <td class="text">{detail === null ? '' : visibleText(detail)}</td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
};

const Json = ({ value }: { value: unknown }) =>
  value === null || value === undefined ? null : (
    <span class="code">
      {typeof value === 'string' ? visibleText(value) : visibleJson(value, 0)}
    </span>
  );

/** The characters that would hide or turn text around, as the escapes that JSON has for them. */
const visibleJson = (value: unknown, indent: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
