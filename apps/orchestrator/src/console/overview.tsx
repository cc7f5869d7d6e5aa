/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { StuckView } from '@reliable-ops/contracts';
import type { Saga } from '@reliable-ops/saga';
import { quantileOf, type Sample } from './measures/sample.ts';
import { recentOf, type NodeFacts } from './node-facts.ts';
import { NodeFigures } from './node-figures.tsx';
import { SagaTable } from './saga-list.tsx';
import { Badge, durationText, numberText, visibleText } from './words.tsx';

export interface OverviewData {
  samples: readonly Sample[];
  /** Undefined where the log does not answer in time. */
  active: Sample['active'] | undefined;
  nodes: NodeFacts[];
  consistent: boolean | null | undefined;
  newest: Saga[];
  stuck: StuckView | undefined;
  now: number;
}

/** How the system is, at a glance. */
export function Overview({ samples, active, nodes, consistent, newest, stuck, now }: OverviewData) {
  const recent = recentOf(samples);
  const latencies = recent?.latenciesMs ?? [];
  const isQuiet = active != null && active.queued + active.running + active.compensating === 0;
  return (
    <>
      <h1 class="hidden" id="title">
        Overview
      </h1>
      <dl class="tiles" id="tiles">
        <Tile
          label="Sagas a second"
          value={recent ? numberText((recent.completed + recent.takenBack) / recent.seconds) : '-'}
          hint="ended, last minute"
        />
        <Tile
          label="Active"
          value={active ? numberText(active.running + active.compensating) : '-'}
          hint={
            active
              ? `${numberText(active.compensating)} of them compensating`
              : 'running or compensating'
          }
          href="/sagas?status=running"
        />
        <Tile
          label="Queued"
          value={active ? numberText(active.queued) : '-'}
          hint="wait for their lane"
          href="/sagas?status=queued"
        />
        <Tile
          label="Stuck"
          value={active ? numberText(active.stuck) : '-'}
          hint="not taken back yet"
          href="/sagas?stuck=true"
          isAlarm={(active?.stuck ?? 0) > 0}
        />
        <Tile label="Latency p50" value={latencyText(latencies, 0.5)} hint="accepted to ended" />
        <Tile label="Latency p99" value={latencyText(latencies, 0.99)} hint="accepted to ended" />
      </dl>
      <section aria-labelledby="cluster-heading">
        <h2 id="cluster-heading">Cluster</h2>
        <Agreement consistent={consistent} nodes={nodes} isQuiet={isQuiet} />
        <div class="nodes" id="nodes">
          {nodes.map((node) => (
            <NodeCard node={node} />
          ))}
        </div>
        <p class="legend" id="estimate">
          Calls and errors: of the last minute, estimated from some of its sagas.
        </p>
      </section>
      {stuck === undefined || stuck.sagas === 0 ? null : <Stuck stuck={stuck} />}
      <section aria-labelledby="charts-heading">
        <h2 id="charts-heading">Last 15 minutes</h2>
        <div class="charts">
          <Chart
            id="rate"
            title="Sagas that ended, a second"
            lines={['completed', 'taken back']}
            data={seriesOf(samples, now, rateOf)}
          />
          <Chart
            id="latency"
            title="Latency, seconds"
            lines={['p50', 'p99']}
            data={seriesOf(samples, now, latencyOf)}
          />
        </div>
      </section>
      <section aria-labelledby="newest-heading">
        <h2 id="newest-heading">Newest sagas</h2>
        {newest.length === 0 ? (
          <p class="quiet">
            None yet. Start some: <code>npx rops create 0..99</code>
          </p>
        ) : (
          <SagaTable sagas={newest} now={now} caption="The last ones accepted" />
        )}
      </section>
    </>
  );
}

const Tile = ({
  label,
  value,
  hint,
  href,
  isAlarm = false,
}: {
  label: string;
  value: string;
  hint: string;
  href?: string;
  isAlarm?: boolean;
}) => (
  <div
    class={isAlarm ? 'tile alarm' : 'tile'}
    id={`tile-${label.toLowerCase().replaceAll(' ', '-')}`}
  >
    <dt>{href === undefined ? label : <a href={href}>{label}</a>}</dt>
    <dd class="value">{isAlarm ? `! ${value}` : value}</dd>
    <dd class="hint">{hint}</dd>
  </div>
);

const latencyText = (ascendingMs: number[], share: number): string => {
  const ms = quantileOf(ascendingMs, share);
  return ms === null ? '-' : durationText(ms);
};

/** The one clear sign. */
const Agreement = ({
  consistent,
  nodes,
  isQuiet,
}: {
  consistent: boolean | null | undefined;
  nodes: NodeFacts[];
  isQuiet: boolean;
}) => {
  const away = nodes.filter(({ groups }) => groups === null).map(({ name }) => name);
  if (consistent === undefined)
    return (
      <p class="sign" id="sign">
        <Badge shape="ring" tone="calm" text="Asking the nodes ..." />
      </p>
    );
  if (consistent === true)
    return (
      <p class="sign good" id="sign">
        <Badge shape="check" tone="good" text="The nodes agree" />
        <span>The same groups are on all of them.</span>
      </p>
    );
  if (consistent === null)
    return (
      <p class="sign warn" id="sign">
        <Badge shape="question" tone="warn" text="Not known" />
        <span>{`${away.join(', ')} cannot be reached.`}</span>
      </p>
    );
  return isQuiet ? (
    <p class="sign bad" id="sign">
      <Badge shape="cross" tone="bad" text="The nodes differ" />
      <span>
        No saga is under way, so nothing will change that: <code>npx rops verify</code> says where.
      </span>
    </p>
  ) : (
    <p class="sign warn" id="sign">
      <Badge shape="alert" tone="warn" text="The nodes differ" />
      <span>Sagas are under way, so that is to be expected.</span>
    </p>
  );
};

const NodeCard = ({ node, node: { name, groups, pause, jobs } }: { node: NodeFacts }) => (
  <article class="node" id={`node-${name}`} aria-labelledby={`node-${name}-name`}>
    <h3 id={`node-${name}-name`}>
      <a href={`/nodes#${name}`}>{name}</a>
    </h3>
    <p class="state">
      {groups === null ? (
        <Badge shape="cross" tone="bad" text="not reachable" />
      ) : pause ? (
        <Badge shape="pause" tone="warn" text="paused" />
      ) : (
        <Badge shape="play" tone="good" text="open" />
      )}
    </p>
    <dl>
      <NodeFigures node={node} />
      <div>
        <dt>Jobs</dt>
        <dd>{jobs === undefined ? '-' : numberText(jobs.waiting + jobs.active + jobs.delayed)}</dd>
      </div>
    </dl>
  </article>
);

const Stuck = ({ stuck }: { stuck: StuckView }) => (
  <section aria-labelledby="stuck-heading">
    <h2 id="stuck-heading">What keeps stuck sagas</h2>
    <div class="scroll" tabindex={0} role="group" aria-labelledby="stuck-heading">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              Sagas
            </th>
            <th scope="col">Node</th>
            <th scope="col">Last error of the compensation</th>
          </tr>
        </thead>
        <tbody>
          {stuck.causes.slice(0, 10).map(({ participant, error, sagas }) => (
            <tr>
              <td class="number">{numberText(sagas)}</td>
              <td>{participant}</td>
              <td class="text">{visibleText(error)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </section>
);

/** Milliseconds on the axis of a chart. */
const longestMs = 15 * 60_000;
const shortestMs = 2 * 60_000;

/** Times in seconds since 1970, and a value a line for each; null where nothing is known. */
type Series = (number | null)[][];

const rateOf = ({ completed, takenBack, seconds }: Sample): (number | null)[] => [
  rounded(completed / seconds),
  rounded(takenBack / seconds),
];
const latencyOf = ({ latenciesMs }: Sample): (number | null)[] =>
  [0.5, 0.99].map((share) => {
    const ms = quantileOf(latenciesMs, share);
    return ms === null ? null : ms / 1_000;
  });
const rounded = (value: number): number => Math.round(value * 100) / 100;

function seriesOf(
  samples: readonly Sample[],
  now: number,
  valuesOf: (sample: Sample) => (number | null)[],
): Series {
  const rows = samples.map((sample) => [Math.round(sample.at / 1_000), ...valuesOf(sample)]);
  // A process that has just started has little to show: the axis grows with it.
  const begin = Math.max(now - longestMs, Math.min(samples[0]?.at ?? now, now - shortestMs));
  const edge = (at: number) => [Math.round(at / 1_000), null, null];
  const all = [edge(begin), ...rows, edge(now)];
  return [0, 1, 2].map((column) => all.map((row) => row[column] ?? null));
}

const Chart = ({
  id,
  title,
  lines,
  data,
}: {
  id: string;
  title: string;
  lines: string[];
  data: Series;
}) => {
  const peaks = lines.map((line, index) => {
    const values = data[index + 1]!.filter((value) => value !== null);
    return `${line} at most ${values.length === 0 ? 'nothing' : numberText(Math.max(...values))}`;
  });
  return (
    <figure class="chart" id={`chart-${id}`}>
      <figcaption>{title}</figcaption>
      <div
        class="plot"
        id={`plot-${id}`}
        role="img"
        aria-label={`${title}: ${peaks.join(', ')}`}
        data-lines={JSON.stringify(lines)}
        data-series={JSON.stringify(data)}
        data-keep
      />
    </figure>
  );
};
