import { fileURLToPath } from 'node:url';
import { memoryArguments, nodeArguments } from '@reliable-ops/local';
import { findTestEnvironment } from './test-environment.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** For Node: how a process of ours is run, in a test in its bundle, elsewhere (chaos, the bench) as it stands. */
export function argumentsOf(app: string): string[] {
  const bundles = findTestEnvironment()?.bundles;
  return bundles === undefined
    ? [...nodeArguments, `${root}apps/${app}/src/main.ts`]
    : [...memoryArguments, `${bundles}/${app}.mjs`];
}
