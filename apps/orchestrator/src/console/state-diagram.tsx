/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { endedStatuses, type SagaStatus, type SagaView } from '@reliable-ops/contracts';
import { transitions } from '@reliable-ops/saga';

const boxWidth = 150;
const boxHeight = 30;
/** Left edge and middle of each state's box. */
const places: Record<SagaStatus, [x: number, y: number]> = {
  queued: [8, 32],
  running: [198, 32],
  compensating: [388, 92],
  completed: [578, 32],
  compensated: [578, 92],
  resolved: [578, 142],
  cancelled: [578, 192],
};

/** Every state and legal transition, and of these the way that the saga took. */
export function StateDiagram({ view }: { view: SagaView }) {
  const way = wayOf(view);
  const taken = new Set(way.slice(1).map((status, index) => `${way[index]}>${status}`));
  const edges = Object.entries(transitions).flatMap(([from, next]) =>
    next.map((to) => ({ from: from as SagaStatus, to, isTaken: taken.has(`${from}>${to}`) })),
  );
  return (
    <div class="scroll" tabindex={0} role="group" aria-label="State diagram, scrolls sideways">
      <svg class="states" viewBox="0 0 736 216" role="img" aria-labelledby="states-title">
        <title id="states-title">{`States of the saga. Its way: ${way.join(', then ')}`}</title>
        <defs>
          {['arrow', 'arrow-taken'].map((id) => (
            <marker
              id={id}
              viewBox="0 0 8 8"
              refX="8"
              refY="4"
              markerUnits="userSpaceOnUse"
              markerWidth="10"
              markerHeight="10"
              orient="auto"
            >
              <path d="M0 0L8 4L0 8z" />
            </marker>
          ))}
        </defs>
        {edges
          .sort((one, other) => Number(one.isTaken) - Number(other.isTaken))
          .map(({ from, to, isTaken }) => (
            <path
              class={isTaken ? 'edge taken' : 'edge'}
              d={edgeOf(from, to)}
              marker-end={`url(#${isTaken ? 'arrow-taken' : 'arrow'})`}
            />
          ))}
        {(Object.keys(places) as SagaStatus[]).map((status) => (
          <State status={status} view={view} isOnWay={way.includes(status)} />
        ))}
      </svg>
    </div>
  );
}

const State = ({
  status,
  view,
  isOnWay,
}: {
  status: SagaStatus;
  view: SagaView;
  isOnWay: boolean;
}) => {
  const [x, y] = places[status];
  const isHere = view.status === status;
  const isEnd = (endedStatuses as readonly SagaStatus[]).includes(status);
  return (
    <g class={`state${isOnWay ? ' on-way' : ''}${isHere ? ' here' : ''}`}>
      <rect x={x} y={y - boxHeight / 2} width={boxWidth} height={boxHeight} rx={isEnd ? 15 : 4} />
      <text x={x + boxWidth / 2} y={y + 4.5} text-anchor="middle">
        {`${isHere ? '● ' : ''}${status}${isHere && view.stuck ? ' !' : ''}`}
      </text>
    </g>
  );
};

function edgeOf(from: SagaStatus, to: SagaStatus): string {
  const [fromX, fromY] = places[from];
  const [toX, toY] = places[to];
  // The one that would cross others goes around them.
  if (from === 'queued' && to === 'cancelled') {
    const x = fromX + boxWidth / 2;
    return `M${x} ${fromY + boxHeight / 2}V${toY - 8}Q${x} ${toY} ${x + 8} ${toY}H${toX - 2}`;
  }
  const startX = fromX + boxWidth;
  const bend = (toX - startX) / 2;
  return `M${startX} ${fromY}C${startX + bend} ${fromY} ${toX - bend} ${toY} ${toX - 2} ${toY}`;
}

/** The states that it has been in. One that got its lane at once was never queued. */
export function wayOf({ status, acceptedAt, startedAt }: SagaView): SagaStatus[] {
  const way: SagaStatus[] = [];
  if (startedAt === null || startedAt > acceptedAt) way.push('queued');
  if (startedAt !== null) way.push('running');
  if (startedAt !== null && !['running', 'completed'].includes(status)) way.push('compensating');
  if (!way.includes(status)) way.push(status);
  return way;
}
