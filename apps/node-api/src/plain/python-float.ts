/**
 * A double as Python's `repr` and `str` print it, which clients of the original compare: 5 is `5.0`,
 * 1e16 is `1e+16`, 0.00001 is `1e-05`. Digits are the fewest that read back the same, as in JavaScript.
 */
export function formatPythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '', exponentText = ''] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

// What Python's float() takes, without nan: digits may be parted by single underscores.
const digitPart = String.raw`\d+(?:_\d+)*`;
const pythonFloat = new RegExp(
  String.raw`^[+-]?(?:(?:${digitPart}\.?(?:${digitPart})?|\.${digitPart})(?:e[+-]?${digitPart})?|inf(?:inity)?)$`,
  'i',
);

/** The double that Python's `float()` reads in `text`; undefined where there is none, and for `nan`, which is no number. */
export function parsePythonFloat(text: string): number | undefined {
  const trimmed = text.trim();
  if (!pythonFloat.test(trimmed)) return undefined;
  const infinite = /^([+-]?)inf/i.exec(trimmed);
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity;
  return Number(trimmed.replaceAll('_', ''));
}
