/**
 * An array as Postgres reads it, for `${...}::text::bigint[]`. Only of values that need no quotes: looking at each element costs
 * postgres.js as much as sending it.
 */
export const arrayLiteral = (values: (number | string | null)[]): string =>
  `{${values.map((value) => value ?? 'null').join()}}`;
