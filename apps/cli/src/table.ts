import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { Colors } from './text.ts';

const gap = 2;
/** A column is not cut below this: where the table still does not fit, each row becomes lines of its own. */
const narrowestColumn = 8;
const graphemes = new Intl.Segmenter();

/**
 * Columns two blanks apart, without lines; cells are cut, the widest columns first, so that a row takes at most `room`
 * columns of the terminal. In a window too narrow for that, a line a cell: its column, and what it says. Cells must be printable() already where others wrote them.
 */
export function formatTable(
  head: string[],
  rows: string[][],
  { colors, room }: { colors: Colors; room: number },
): string {
  const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'];
  const others = ['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const widths = fitColumns(head, rows, room);
  if (widthOf(widths) > room) return formatRecords(head, rows, { colors, room });
  const fit = (row: string[]): string[] =>
    row.map((cell, column) => cutToWidth(cell, widths[column] ?? Infinity));
  const table = new Table({
    head: fit(head).map((cell) => colors.dim(cell)),
    chars: { ...Object.fromEntries([...none, ...others].map((name) => [name, ''])), middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  table.push(...rows.map(fit));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function formatRecords(
  head: string[],
  rows: string[][],
  { colors, room }: { colors: Colors; room: number },
): string {
  const nameWidth = Math.max(...head.map(stringWidth)) + gap;
  const records = rows.map((row) =>
    row
      .map((cell, column) => ({ cell, name: head[column] ?? '' }))
      .filter(({ cell }) => cell !== '')
      .map(({ cell, name }) =>
        cutToWidth(colors.dim(name.padEnd(nameWidth)) + cell, Math.max(room, nameWidth)),
      )
      .join('\n'),
  );
  return records.join('\n\n');
}

const widthOf = (columns: number[]): number =>
  columns.reduce((sum, width) => sum + width + gap, -gap);

function fitColumns(head: string[], rows: string[][], room: number): number[] {
  const widths = head.map(stringWidth);
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
    });
  let excess = widthOf(widths) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= narrowestColumn) break;
    widths[widths.lastIndexOf(widest)] = widest - 1;
    excess--;
  }
  return widths;
}

/** `text` in at most `width` columns, with an ellipsis where something is missing; its colours are kept. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let left = width - 1;
  let isCut = false;
  const kept = splitColors(text).map((part, index) => {
    // Colours stay, also behind the cut: what was opened is closed.
    if (index % 2 === 1 || isCut) return index % 2 === 1 ? part : '';
    let head = '';
    for (const { segment } of graphemes.segment(part)) {
      left -= stringWidth(segment);
      isCut = left < 0;
      if (isCut) return `${head}…`;
      head += segment;
    }
    return head;
  });
  return kept.join('');
}

/** Text and colour codes by turns. */
// eslint-disable-next-line no-control-regex
const splitColors = (text: string): string[] => text.split(/(\u001b\[\d+m)/);
