import { describe, expect, test } from '@jest/globals';
import { formatPythonFloat, parsePythonFloat } from '../src/plain/python-float.ts';

// Right-hand sides were printed by Python 3.11: `str(float(...))`.
describe('a double is printed as Python prints it', () => {
  test.each([
    [5, '5.0'],
    [0.1, '0.1'],
    [-2.5, '-2.5'],
    [-0, '-0.0'],
    [1000, '1000.0'],
    [1633786070.879454, '1633786070.879454'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000012345, '1.2345e-05'],
    [9999999999999998, '9999999999999998.0'],
    [1e16, '1e+16'],
    [1.2345678901234567e19, '1.2345678901234567e+19'],
    [1e21, '1e+21'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
  ])('%d is %s', (value, text) => {
    expect(formatPythonFloat(value)).toBe(text);
  });
});

describe('a timestamp is read as Python reads it', () => {
  test.each([
    ['5', 5],
    ['1.50', 1.5],
    ['15e-1', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+5', 5],
    ['-5', -5],
    [' 5\t', 5],
    ['1_000.5', 1000.5],
    ['1E3', 1000],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
    ['1e400', Infinity],
  ])('%j is %d', (text, value) => {
    expect(parsePythonFloat(text)).toBe(value);
  });

  test.each(['x', '5s', '0x10', '1e', '.', '1__0', '_1', '1_', '5 5', 'nan', '--5', '1,5'])(
    '%j is no number',
    (text) => {
      expect(parsePythonFloat(text)).toBeUndefined();
    },
  );
});
