/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { SagaView } from '@reliable-ops/contracts';
import { layTimeline, type TimelineBar, type TimelineRow } from './timeline-layout.ts';
import { durationText, visibleText } from './words.tsx';

const labelWidth = 100;
const rowHeight = 34;
const barHeight = 16;
const topHeight = 24;
const axisHeight = 26;

/** The steps of a saga on a time axis: attempts as bars, waits as lines, one row a node. All of it is in the table below it too. */
export function Timeline({ view, now }: { view: SagaView; now: number }) {
  const { axisX, width, queuedMs, rows, ticks, acts, isOpen } = layTimeline(view, now);
  const bottom = topHeight + rows.length * rowHeight;
  return (
    <div class="scroll" tabindex={0} role="group" aria-label="Timeline, scrolls sideways">
      <svg
        class="timeline"
        viewBox={`0 0 ${labelWidth + width + 12} ${bottom + axisHeight}`}
        role="img"
        aria-labelledby="timeline-title"
      >
        <title id="timeline-title">
          {`Steps of saga ${view.id} on a time axis; the table of attempts says the same`}
        </title>
        <defs>
          <pattern
            id="hatch"
            width="6"
            height="6"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect class="hatch-ground" width="6" height="6" />
            <rect class="hatch-line" width="2.5" height="6" />
          </pattern>
        </defs>
        <g transform={`translate(${labelWidth} ${topHeight})`}>
          {ticks.map(({ x, ms }) => (
            <g class="tick">
              <line x1={x} y1={0} x2={x} y2={bottom - topHeight} />
              <text
                x={x}
                y={bottom - topHeight + 17}
                text-anchor={x > width - 30 ? 'end' : 'middle'}
              >
                {ms === 0 ? '0' : durationText(ms)}
              </text>
            </g>
          ))}
          {axisX > 0 ? (
            <g class="queued">
              <rect x={0} y={2} width={axisX - 4} height={bottom - topHeight - 4} rx={3} />
              <text x={(axisX - 4) / 2} y={-8} text-anchor="middle">
                {`queued ${durationText(queuedMs)}`}
              </text>
            </g>
          ) : null}
          {rows.map((row, index) => (
            <Row row={row} y={index * rowHeight} />
          ))}
          {acts.map(({ x, verb }) => (
            <g class="act">
              <line x1={x} y1={-6} x2={x} y2={bottom - topHeight} />
              <text x={x} y={-9} text-anchor={x > width - 40 ? 'end' : 'middle'}>
                {verb}
              </text>
            </g>
          ))}
          {isOpen ? (
            <line class="now" x1={width} y1={0} x2={width} y2={bottom - topHeight} />
          ) : null}
        </g>
      </svg>
    </div>
  );
}

const Row = ({ row, y }: { row: TimelineRow; y: number }) => {
  const middle = y + rowHeight / 2;
  return (
    <g>
      <text class="label" x={-12} y={middle + 4} text-anchor="end">
        {visibleText(row.participant).slice(0, 14)}
      </text>
      {row.forgotten > 0 ? (
        <text class="forgotten" x={0} y={y + 8}>
          {`${row.forgotten} earlier attempts are not kept`}
        </text>
      ) : null}
      {row.waits.map(({ x, width, ms, isOpen }) => (
        <line class={isOpen ? 'wait open' : 'wait'} x1={x} y1={middle} x2={x + width} y2={middle}>
          <title>
            {isOpen
              ? `next attempt waited for, ${durationText(ms)} so far`
              : `waits ${durationText(ms)}`}
          </title>
        </line>
      ))}
      {row.bars.map((bar) => (
        <Bar bar={bar} y={middle - barHeight / 2} />
      ))}
    </g>
  );
};

const Bar = ({ bar, y }: { bar: TimelineBar; y: number }) => (
  <g class={`bar ${bar.phase} ${bar.result}`}>
    <rect x={bar.x} y={y} width={bar.width} height={barHeight} rx={2} />
    {bar.result === 'applied' ? null : <path d={crossAt(bar.x + bar.width / 2, y - 5)} />}
    <title>
      {`${phaseWords[bar.phase]} ${bar.number}: ${bar.result} after ${durationText(bar.ms)}${bar.detail === null ? '' : `, ${visibleText(bar.detail)}`}`}
    </title>
  </g>
);

/** A cross above what failed. */
const crossAt = (x: number, y: number): string => `M${x - 3} ${y - 3}l6 6m0 -6l-6 6`;

export const phaseWords = {
  prepare: 'look',
  action: 'action',
  compensation: 'compensation',
} as const;
