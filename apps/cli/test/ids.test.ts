import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseId, parseIds } from '../src/ids.ts';

const idsOf = (...args: string[]): string[] => [...parseIds(args)];

describe('ids', () => {
  test('are 0..99 when none is given', () => {
    expect(idsOf()).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
  });

  test('are taken as typed: zeros, case, blanks, dashes, nothing at all', () => {
    const typed = ['5', '007', 'A', 'a', ' a ', '', '-1', '--json', '٣', 'x..y', '1e3', '+5', '5.'];
    expect(idsOf(...typed)).toEqual(typed);
  });

  test('a range has both its ends in it, and keeps its padding', () => {
    expect(idsOf('9..11')).toEqual(['9', '10', '11']);
    expect(idsOf('7..7')).toEqual(['7']);
    expect(idsOf('008..010')).toEqual(['008', '009', '010']);
    expect(idsOf('00..01')).toEqual(['00', '01']);
    expect(idsOf('98..101')).toEqual(['98', '99', '100', '101']);
    expect(idsOf('99999999999999999999..100000000000000000001')).toHaveLength(3);
  });

  test('an id given twice is sent once, in whichever way it is given', () => {
    expect(idsOf('5', '4..6', '5', '6..7', 'a', 'a')).toEqual(['4', '5', '6', '7', 'a']);
    expect(idsOf('095..105', '99..101')).toHaveLength(11 + 1);
    expect(idsOf('5', '05', '005')).toEqual(['5', '05', '005']);
  });

  test('any mix of ids and ranges gives each id once, and counts them right', () => {
    const end = fc.tuple(fc.nat(120), fc.integer({ min: 1, max: 4 }));
    const range = fc.tuple(end, fc.nat(30)).map(([[from, width], length]) => {
      const first = String(from).padStart(width, '0');
      const last = String(from + length).padStart(first.startsWith('0') ? first.length : 1, '0');
      return first.startsWith('0') && first.length !== last.length
        ? `${from}..${from + length}`
        : `${first}..${last}`;
    });
    const literal = end.map(([value, width]) => String(value).padStart(width, '0'));
    fc.assert(
      fc.property(fc.array(fc.oneof(range, literal), { minLength: 1, maxLength: 12 }), (args) => {
        const expected = new Set(args.flatMap(expandNaively));
        const ids = parseIds(args);
        const listed = [...ids];
        expect(ids.count).toBe(listed.length);
        expect(new Set(listed).size).toBe(listed.length);
        expect(new Set(listed)).toEqual(expected);
      }),
    );
  });

  test('ten million are counted without being built, one more is refused', () => {
    expect(parseIds(['1..10000000']).count).toBe(10_000_000);
    expect(() => parseIds(['0..10000000'])).toThrow('10000001 ids');
    expect(() => parseIds(['1..9999999', 'a', 'b'])).toThrow('too many');
    expect(() => parseIds(['0..999999999999999999999999'])).toThrow('10000000 at most');
  });

  test.each(['5..', '..5', '..', '1..x', 'x..1', '1...5', '1..2..3', '-5..5', '5..-5'])(
    '%s is no range',
    (typed) => {
      expect(() => parseIds([typed])).toThrow('is no range');
    },
  );

  test.each(['5\r', '\uFEFF5', '1..3\r', 'a\tb', '\u200B5'])(
    '%j: what cannot be seen comes from a file, and is refused in bulk; alone it is an id',
    (argument) => {
      expect(() => parseIds([argument])).toThrow("tr -d '\\r'");
      expect(parseId(argument)).toBe(argument);
    },
  );

  test('a range that runs backwards or mixes widths says how to write it', () => {
    expect(() => parseIds(['10..1'])).toThrow('write 1..10');
    expect(() => parseIds(['010..001'])).toThrow('write 001..010');
    expect(() => parseIds(['1..010'])).toThrow('same number of digits');
  });

  test('an id longer than the orchestrator takes is refused before anything is sent', () => {
    expect(parseId('x'.repeat(512))).toHaveLength(512);
    expect(() => parseId('x'.repeat(513))).toThrow('512 at most');
    expect(() => parseIds(['1', 'x'.repeat(513)])).toThrow('513 characters');
  });
});

function expandNaively(argument: string): string[] {
  const [from = '', to] = argument.split('..');
  if (to === undefined) return [argument];
  const width = from.length > 1 && from.startsWith('0') ? from.length : 1;
  const ids: string[] = [];
  for (let value = Number(from); value <= Number(to); value++) {
    ids.push(String(value).padStart(width, '0'));
  }
  return ids;
}
