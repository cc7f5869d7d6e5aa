/**
 * Orders texts by the bytes of their UTF-8, as Postgres does under COLLATE "C"; negative, 0 or positive. JavaScript's own
 * `<` compares UTF-16: it puts what lies above U+FFFF before U+E000, and so would lose its place in a merge.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return weightOf(left) - weightOf(right);
  }
  return a.length - b.length;
}

/** Half of a surrogate pair stands for a character above all others. */
const weightOf = (unit: number): number =>
  unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
