import { expect, test } from '@jest/globals';
import { verifyIds } from '../src/verify.ts';

test('a contender that has left a group out, or has made one too many, fails the run', () => {
  expect(() => verifyIds('node02', ['a', 'b'], ['b', 'a'])).not.toThrow();
  expect(() => verifyIds('node02', [], [])).not.toThrow();
  expect(() => verifyIds('node02', ['a'], ['a', 'b'])).toThrow(
    'node02 holds 1 groups instead of 2: 1 are missing ("b"), 0 too many',
  );
  expect(() => verifyIds('node02', ['a', 'c'], ['a', 'b'])).toThrow('1 are missing');
  expect(() => verifyIds('node02', ['a'], [])).toThrow('1 too many ("a")');
});
