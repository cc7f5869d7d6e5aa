/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { Entry } from '@reliable-ops/saga';
import type { SagaJob } from './saga-jobs.ts';
import { phaseWords } from './timeline.tsx';
import { Badge, Moment, visibleText } from './words.tsx';

/** From a saga to its jobs. */
export const SagaJobs = ({
  id,
  jobs,
  isWhole,
}: {
  id: number;
  jobs: SagaJob[];
  isWhole: boolean;
}) => (
  <>
    <p class="crumb">
      <a href="/sagas">Sagas</a> / <a href={`/sagas/${id}`}>{id}</a> / jobs
    </p>
    <h1>{`Jobs of saga ${id}`}</h1>
    {isWhole ? null : (
      <p class="notice warn">
        Redis does not answer: only jobs that are owed are shown, not those that ended.
      </p>
    )}
    {jobs.length === 0 ? (
      <p class="quiet">None is owed, and the queues keep only their newest jobs.</p>
    ) : (
      <div class="scroll" tabindex={0} role="group" aria-label="Jobs">
        <table>
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col">Job</th>
              <th scope="col">What</th>
              <th scope="col">Due</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <tr id={`job-${job.id}`}>
                <td>{job.queue}</td>
                <td class="code">
                  <a href={`/queues/queue/${encodeURIComponent(job.queue)}/${job.id}`}>{job.id}</a>
                </td>
                <td>{job.kind}</td>
                <td>
                  <Moment at={job.dueAt} />
                </td>
                <td>
                  {job.isOwed ? (
                    <Badge shape="ring" tone="busy" text="owed" />
                  ) : (
                    <Badge shape="check" tone="calm" text="ended" />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
  </>
);

/** From a job to its sagas. */
export const JobSagas = ({
  queue,
  id,
  kind,
  entries,
}: {
  queue: string;
  id: string;
  kind: string;
  entries: Entry[];
}) => (
  <>
    <p class="crumb">
      <a href={`/queues/queue/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`}>Job {id}</a>
    </p>
    <h1>{`Sagas of a job: ${kind} on ${entries.map(({ participant }) => participant).join(', ')}`}</h1>
    <div class="scroll" tabindex={0} role="group" aria-label="Commands">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              Saga
            </th>
            <th scope="col">Key</th>
            <th scope="col">Node</th>
            <th scope="col">What</th>
            <th scope="col" class="number">
              Attempt
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.flatMap(({ participant, phase, attempt, items }) =>
            items.map(([sagaId, key]) => (
              <tr>
                <td class="number">
                  <a href={`/sagas/${sagaId}`}>{sagaId}</a>
                </td>
                <td class="key">{visibleText(key)}</td>
                <td>{participant}</td>
                <td>{phaseWords[phase]}</td>
                <td class="number">{attempt}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  </>
);
