import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from './environment.ts';

/** Writes `bench/results/<kind>-<time>.json`; answers its path within the checkout. */
export async function writeResult<Result extends { at: string }>(
  result: Result,
  kind?: string,
): Promise<string> {
  const folder = join(checkout, 'bench/results');
  await mkdir(folder, { recursive: true });
  const name = [...(kind === undefined ? [] : [kind]), result.at.replaceAll(':', '-')].join('-');
  const file = join(folder, `${name}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  return file.slice(checkout.length);
}
