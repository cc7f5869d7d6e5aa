import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareBytes } from '../src/verify/byte-order.ts';

const sign = (a: string, b: string): number => Math.sign(compareBytes(a, b));
const text = fc.string({ unit: 'binary', maxLength: 6 });

test('texts stand in the order of their UTF-8 bytes, as in Postgres', () => {
  fc.assert(
    fc.property(text, text, text, (prefix, a, b) => {
      const [left, right] = [prefix + a, prefix + b];
      expect(sign(left, right)).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
    }),
    { numRuns: 20_000 },
  );
});

test('what lies above U+FFFF comes after all that does not, unlike in UTF-16', () => {
  const texts = ['😀', '\uffff'];
  expect(texts.toSorted(compareBytes)).toEqual(['\uffff', '😀']);
  expect(texts.toSorted()).toEqual(['😀', '\uffff']);
});
