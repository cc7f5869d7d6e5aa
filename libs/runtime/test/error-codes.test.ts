import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${root}docs/errors.md`, 'utf8');

/** Every TypeScript file below a workspace's src, as one text. */
const source = ['apps', 'infra', 'libs']
  .flatMap((group) => readdirSync(`${root}${group}`).map((name) => `${root}${group}/${name}/src`))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => readFileSync(`${folder}/${path}`, 'utf8')),
  )
  .join('\n');

const allMatches = (text: string, ...patterns: RegExp[]): string[] =>
  patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, found]) => found!));
const distinct = (texts: string[]): string[] => [...new Set(texts)].sort();

test('docs/errors.md names every code that the source gives, and no other', () => {
  const inSource = allMatches(
    source,
    /readonly code = '([A-Z_]+)'/g,
    /ProblemError\(\s*[\w.]+,\s*'([A-Z_]+)'/g,
    /unavailable\(\s*'([A-Z_]+)'/g,
  );
  expect(inSource.length).toBeGreaterThan(20);
  expect(distinct(allMatches(page, /^\| `([A-Z_]+)` +\|/gm))).toEqual(distinct(inSource));
});

test('docs/errors.md gives each problem the status that the source gives it', () => {
  const inSource = [
    ...source.matchAll(/ProblemError\(\s*(\d+),\s*'([A-Z_]+)'/g),
    ...[...source.matchAll(/unavailable\(\s*'([A-Z_]+)'/g)].map(([all, code]) => [
      all,
      '503',
      code,
    ]),
  ].map(([, status, code]) => `${code} ${status}`);
  const inPage = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\|/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  expect(inSource.length).toBeGreaterThan(10);
  expect(inPage).toEqual(expect.arrayContaining(inSource));
});

test('docs/errors.md names every exit code of the CLI', () => {
  const { exitCodes } = /exitCodes = \{(?<exitCodes>[^}]+)\}/.exec(source)!.groups!;
  const inSource = allMatches(exitCodes!, /: (\d+)/g);
  expect(inSource.length).toBeGreaterThan(3);
  expect(allMatches(page, /^\| (\d{1,3}) +\|/gm)).toEqual(inSource);
});
