/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { ClusterFaults, NodeFaults } from '@reliable-ops/contracts';
import { stagesQueue, type JobCounts } from '@reliable-ops/saga';
import type { NodeFacts } from './node-facts.ts';
import { NodeFigures } from './node-figures.tsx';
import { OperatorFields } from './operator-form.tsx';
import { Badge, Moment, visibleText } from './words.tsx';

/** Milliseconds that the slider of a delay reaches; more by `rops faults`. */
const mostSlidDelayMs = 5_000;

export interface NodesData {
  nodes: NodeFacts[];
  /** Jobs that go to several of them at once; undefined: Redis does not answer. */
  stages: JobCounts | undefined;
  faults: ClusterFaults | 'none' | undefined;
  /** What the operator has just been answered. */
  said: string | null;
}

/** Each node: its maintenance window, and what the reference cluster is told to do wrong. */
export function Nodes({ nodes, stages, faults, said }: NodesData) {
  return (
    <>
      <h1 id="title">Nodes</h1>
      {said === null ? null : (
        <p class="said" id="said" role="status">
          {said}
        </p>
      )}
      {faults === 'none' ? (
        <p class="quiet" id="faults">
          The nodes of this cluster make no faults on purpose.
        </p>
      ) : faults === undefined ? (
        <p class="notice warn" id="faults">
          The cluster does not say which faults it makes: it does not answer.
        </p>
      ) : null}
      <div class="nodes wide" id="nodes">
        {nodes.map((node) => (
          <NodePanel
            node={node}
            faults={typeof faults === 'object' ? faults[node.name] : undefined}
          />
        ))}
      </div>
      <p class="quiet" id="stages">
        Jobs for several nodes at once:{' '}
        <a href={`/queues/queue/${stagesQueue}`}>{jobsText(stages)}</a>
      </p>
      <p class="legend" id="estimate">
        Calls and errors: of the last minute, estimated from some of its sagas.
      </p>
    </>
  );
}

const jobsText = (jobs: JobCounts | undefined): string =>
  jobs === undefined
    ? 'not known'
    : `${jobs.waiting} waiting, ${jobs.active} active, ${jobs.delayed} delayed`;

const NodePanel = ({ node, faults }: { node: NodeFacts; faults: NodeFaults | undefined }) => {
  const { name, groups, pause, jobs } = node;
  return (
    <section class="node" id={name} aria-labelledby={`${name}-name`}>
      <h2 id={`${name}-name`}>{name}</h2>
      <p class="state" id={`${name}-state`}>
        {groups === null ? <Badge shape="cross" tone="bad" text="not reachable" /> : null}{' '}
        {pause ? (
          <Badge shape="pause" tone="warn" text="paused" />
        ) : (
          <Badge shape="play" tone="good" text="open" />
        )}
      </p>
      {pause ? (
        <p class="quiet" id={`${name}-by`}>
          By {visibleText(pause.by)}, <Moment at={pause.pausedAt} />
          {pause.note === null ? '' : `: ${visibleText(pause.note)}`}
        </p>
      ) : null}
      <dl id={`${name}-facts`}>
        <NodeFigures node={node} />
        <div>
          <dt>Jobs</dt>
          <dd>
            <a href={`/queues/queue/${name}`}>{jobsText(jobs)}</a>
          </dd>
        </div>
      </dl>
      <p id={`${name}-acts`}>
        <a
          id={`${name}-pause`}
          class="button"
          href={`/nodes/${name}/${pause ? 'resume' : 'pause'}`}
          data-dialog
        >
          {pause ? 'Resume ...' : 'Pause ...'}
        </a>
      </p>
      {faults === undefined ? null : <Faults name={name} faults={faults} />}
    </section>
  );
};

const sliders = [
  ['error', 'Error', 'It answers 500 and has done nothing.'],
  ['lostReply', 'Lost reply', 'It has done it, and answers 500.'],
  ['reset', 'Reset', 'The connection is cut.'],
] as const;

const Faults = ({ name, faults }: { name: string; faults: NodeFaults }) => (
  <form
    class="faults"
    id={`${name}-faults`}
    method="post"
    action={`/nodes/${name}/faults`}
    data-live
  >
    <fieldset>
      <legend>Faults on purpose</legend>
      {sliders.map(([fault, text, hint]) => (
        <Slider
          id={`${name}-${fault}`}
          name={fault}
          text={text}
          hint={hint}
          value={Math.round(faults[fault] * 100)}
          most={100}
          unit="%"
        />
      ))}
      <Slider
        id={`${name}-delay`}
        name="delayMs"
        text="Delay"
        hint="Each request waits first."
        value={faults.delayMs}
        most={Math.max(mostSlidDelayMs, faults.delayMs)}
        unit="ms"
      />
      <div class="check">
        <input id={`${name}-down`} name="down" type="checkbox" value="true" checked={faults.down} />
        <label for={`${name}-down`}>Down: nothing is answered</label>
      </div>
      <p class="acts">
        <button class="button" type="submit">
          Apply
        </button>
        <button class="button" type="submit" name="clear" value="true">
          No faults
        </button>
      </p>
    </fieldset>
  </form>
);

const Slider = ({
  id,
  name,
  text,
  hint,
  value,
  most,
  unit,
}: {
  id: string;
  name: string;
  text: string;
  hint: string;
  value: number;
  most: number;
  unit: string;
}) => (
  <div class="slider">
    <label for={id}>{text}</label>
    <input
      id={id}
      name={name}
      type="range"
      min={0}
      max={most}
      step={unit === 'ms' ? 10 : 1}
      value={value}
      aria-describedby={`${id}-hint`}
      data-unit={unit}
    />
    <output id={`${id}-value`} for={id}>{`${value} ${unit}`}</output>
    <span class="hint" id={`${id}-hint`}>
      {hint}
    </span>
  </div>
);

/** Before a node is paused or resumed: what will happen. */
export const PauseForm = ({
  name,
  act,
  jobs,
}: {
  name: string;
  act: 'pause' | 'resume';
  jobs: NodeFacts['jobs'];
}) => (
  <div class="confirm">
    <h1 id="dialog-title">{act === 'pause' ? `Pause ${name}?` : `Resume ${name}?`}</h1>
    <form method="post" action={`/nodes/${name}/${act}`}>
      <ul>
        {act === 'pause' ? (
          <>
            <li>No attempt is begun on {name} until it is resumed; those under way end.</li>
            <li>
              Sagas are accepted all the same, and wait for it. Nothing of it counts as failed.
            </li>
            <li>It stays paused over restarts, also when Redis is lost.</li>
          </>
        ) : (
          <>
            <li>
              {jobs === undefined
                ? `What waits for ${name} is sent.`
                : `${jobs.waiting + jobs.delayed} jobs that wait for ${name} are sent.`}
            </li>
            <li>Sagas that it held up get as much more time as it was paused.</li>
          </>
        )}
      </ul>
      <OperatorFields />
      <p class="acts">
        <button class="button main" type="submit">
          {act === 'pause' ? `Pause ${name}` : `Resume ${name}`}
        </button>
        <a class="button" href="/nodes" data-close>
          Leave it as it is
        </a>
      </p>
    </form>
  </div>
);
