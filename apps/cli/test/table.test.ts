import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import pc from 'picocolors';
import stringWidth from 'string-width';
import { cutToWidth, formatTable } from '../src/table.ts';

const colors = pc.createColors(true);
const rows = [
  ['12', colors.red('compensating, stuck'), '群組'.repeat(20)],
  ['13', 'completed', '👩‍👩‍👧'.repeat(30)],
];

describe('a table', () => {
  test.each([40, 41, 60])('takes at most %d columns, with wide characters too', (room) => {
    const lines = formatTable(['id', 'status', 'error'], rows, { colors, room }).split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(room);
    expect(stripVTControlCharacters(lines[1] ?? '')).toMatch(/^12 {2}compensating, ?(stu)?.*…$/);
  });

  test('has a line a cell where no cut makes it fit', () => {
    const lines = formatTable(['id', 'status', 'error'], rows, { colors, room: 18 }).split('\n');
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(18);
    expect(lines.map(stripVTControlCharacters).slice(0, 5)).toEqual([
      'id      12',
      'status  compensat…',
      'error   群組群組…',
      '',
      'id      13',
    ]);
  });

  test('is whole where nobody bounds it', () => {
    const text = formatTable(['id', 'status', 'error'], rows, { colors, room: Infinity });
    expect(text).toContain('群組'.repeat(20));
    expect(text).not.toContain('…');
  });
});

describe('a cut', () => {
  test('closes the colours it has opened, and splits no character', () => {
    expect(cutToWidth(colors.red('abcdef'), 4)).toBe(colors.red('abc…'));
    expect(cutToWidth('群組', 3)).toBe('群…');
    expect(cutToWidth('群組', 4)).toBe('群組');
  });
});
