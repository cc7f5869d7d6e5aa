import { expect, test } from '@jest/globals';
import type { Json } from '@reliable-ops/saga';
import { digestOf } from '../src/sagas/idempotency.ts';
import { groupSagas } from './fixture.ts';

const definition = groupSagas[0]!;
const digest = (...inputs: Json[]): string =>
  digestOf(
    'batch',
    inputs.map((input) => ({ definition, input })),
  );

test('the order of members makes no other request, at any depth', () => {
  expect(digest({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } })).toBe(
    digest({ b: { f: null, c: [1, { e: 3, d: 2 }] }, a: 1 }),
  );
});

test.each<[Json, Json]>([
  [{ a: 1 }, { a: '1' }],
  [{ a: [1, 2] }, { a: [2, 1] }],
  [{ a: [1, [2]] }, { a: [[1, 2]] }],
  [
    { a: 1, b: 2 },
    { a: 2, b: 1 },
  ],
  [{ a: 1 }, { a: 1, b: null }],
  ['a', 'a\n'],
  [[], {}],
])('%j is another request than %j', (one, other) => {
  expect(digest(one)).not.toBe(digest(other));
});

test('how inputs are spread over sagas is part of the request', () => {
  expect(digest('a', 'b')).not.toBe(digest('b', 'a'));
  expect(digest(['a', 'b'])).not.toBe(digest('a', 'b'));
});
