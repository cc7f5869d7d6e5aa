import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '@reliable-ops/client';
import { stackFile } from '@reliable-ops/contracts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';

const defaultUrl = 'http://127.0.0.1:3000';
const checkout = fileURLToPath(new URL('../../..', import.meta.url));

const advice = {
  unreachable: 'start one with `npm start`, or give --url',
  token: 'give --token or ROPS_TOKEN',
};

/**
 * --url, else ROPS_URL, else what `.local/stack.json` names (from the working directory upwards, then
 * beside the checkout this runs from), else http://127.0.0.1:3000. --token, else ROPS_TOKEN.
 */
export function findEndpoint(
  given: { url?: string | undefined; token?: string | undefined },
  { env, cwd }: Pick<Io, 'env' | 'cwd'>,
): Endpoint {
  const token = given.token ?? (env['ROPS_TOKEN'] || undefined);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError('the token must be printable ASCII without blanks');
  }
  if (given.url !== undefined)
    return { url: parseUrl(given.url, '--url'), source: '', token, advice };
  const fromEnvironment = env['ROPS_URL'];
  if (fromEnvironment) {
    return { url: parseUrl(fromEnvironment, 'ROPS_URL'), source: 'ROPS_URL', token, advice };
  }
  for (const path of stackFiles(cwd)) {
    const url = readStackUrl(path);
    if (url !== undefined) return { url: parseUrl(url, path), source: path, token, advice };
  }
  return { url: parseUrl(defaultUrl, ''), source: '', token, advice };
}

function parseUrl(text: string, source: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`${source}: "${text}" is no URL: write it as in ${defaultUrl}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(`${source}: a token goes into --token or ROPS_TOKEN, not into the URL`);
  }
  url.search = '';
  url.hash = '';
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

function* stackFiles(cwd: string): Generator<string> {
  for (let folder = cwd; ; folder = dirname(folder)) {
    yield join(folder, '.local', 'stack.json');
    if (folder === dirname(folder)) break;
  }
  yield join(checkout, '.local', 'stack.json');
}

/** A file that is missing, half written or of another version names nothing: the next place is asked. */
function readStackUrl(path: string): string | undefined {
  try {
    const { processes } = stackFile.parse(JSON.parse(readFileSync(path, 'utf8')));
    return processes.find(({ name }) => name === 'orchestrator')?.url ?? undefined;
  } catch {
    return undefined;
  }
}
