import type { Random } from '../random.ts';
import type { FuzzRequest } from './request.ts';
import { badTexts, hugeBody, oddBody, oddHeaders, oddJson, oddNumber, oddText } from './values.ts';

/** Ids that only these requests write: no saga's, whose records would no longer be as it left them. */
const directId = (random: Random): string =>
  random.between(0, 4) === 0 ? `direct-${oddText(random)}` : `direct-${random.between(0, 500)}`;

const nodes = ['node01', 'node02', 'node03'];
const oddNodes = ['', 'node04', 'NODE01', 'node01,node02', '__proto__', 'toString', ' node01'];

const request = (
  random: Random,
  method: string,
  path: string,
  body?: string | Buffer,
): FuzzRequest => ({
  target: 'node-api',
  method,
  path,
  headers: {
    ...(random.between(0, 19) === 0
      ? {}
      : { node: random.between(0, 9) ? random.pick(nodes) : random.pick(oddNodes) }),
    ...(random.between(0, 1)
      ? { timestamp: random.between(0, 3) ? `${random.between(1, 99)}.5` : oddNumber(random) }
      : {}),
  },
  body: typeof body === 'string' ? Buffer.from(body) : body,
  framing: 'length',
});

const operationOf = (random: Random): object => ({
  op: random.pick(['create', 'delete', 'undo']),
  groupId: directId(random),
  timestamp: random.between(1, 1_000) / 2,
  token: [
    random.pick([random.between(1, 1_000), random.between(1, 1_000), Number.MAX_SAFE_INTEGER]),
    random.between(0, 1),
  ],
});
const operationsOf = (random: Random): string =>
  JSON.stringify(Array.from({ length: random.between(0, 20) }, () => operationOf(random)));
const wrongOperations = (random: Random): string => {
  const operation: Record<string, unknown> = { ...operationOf(random) };
  operation[random.pick(['op', 'groupId', 'timestamp', 'token', 'more'])] = '?';
  const text = JSON.stringify([operationOf(random), operation, operationOf(random)]);
  return text.replace('"?"', () =>
    random.pick([
      () => oddJson(random, 1),
      () => oddNumber(random),
      () => JSON.stringify(random.pick(badTexts)),
      () => '[0,0]',
      () => '[1,2]',
    ])(),
  );
};
/** A floor that is right stays far below the fences of sagas: theirs must not become stale. */
const pruneOf = (random: Random): string => {
  const floor = random.pick([
    () => String(random.between(0, 900)),
    () =>
      random.pick(['-1', '1.5', '1e400', 'null', '"1"', '[]', '{}', '9007199254740993', '1e300']),
  ])();
  const after = random.pick([
    '',
    `,"after":${JSON.stringify(directId(random))}`,
    ',"after":null',
    `,"after":${oddJson(random, 0)}`,
    ',"more":1',
  ]);
  return `{"floor":${floor}${after}}`;
};
const plainBody = (random: Random): string =>
  random.pick([
    () => JSON.stringify({ groupId: directId(random) }),
    () => JSON.stringify({ groupId: directId(random), more: [1] }),
    () => `{"groupId":${oddNumber(random)}}`,
    () => JSON.stringify({ groupId: `direct-${random.pick(badTexts)}` }),
  ])();

const paths = [
  '/ping',
  '/ping/',
  '/v1/stats',
  '/v1/summary',
  '/v1/group',
  '/v1/group/',
  '/v1/operations',
  '/v1/prune',
  '/v1/faults',
  '/v1/groups',
];

/** Whether a body that a node can read names a record that is not of its own ids. */
function touchesOthers(body: string | Buffer): boolean {
  return [...body.toString().matchAll(/"groupId"\s*:\s*"([^"]*)/g)].some(
    ([, id]) => !id!.startsWith('direct-'),
  );
}

/** Requests to the node API. Faults are only asked for in forms that turn none on. */
export function makeNodeRequest(random: Random): FuzzRequest {
  const post = (
    path: string,
    meant: (random: Random) => string,
    wrong: (random: Random) => string,
  ) => {
    const at = random.between(0, 9);
    const body =
      at < 4 ? meant(random) : at < 7 ? wrong(random) : oddBody(random, () => meant(random));
    // Damaged, a floor could become a right one that is too high, and an id one that sagas use: its token would be above theirs.
    if (path === '/v1/prune' && at >= 7) return request(random, 'POST', path, wrong(random));
    const harmless = touchesOthers(body) ? meant(random) : body;
    return request(random, 'POST', path, harmless);
  };
  const made = random.pick([
    () => post('/v1/operations', operationsOf, wrongOperations),
    () => post('/v1/operations', operationsOf, wrongOperations),
    () => post('/v1/prune', pruneOf, pruneOf),
    () => ({ ...post('/v1/group', plainBody, oddJson), method: random.pick(['POST', 'DELETE']) }),
    () => ({ ...post('/v1/group', plainBody, oddJson), method: random.pick(['POST', 'DELETE']) }),
    () =>
      request(
        random,
        'GET',
        `/v1/group/${random.pick([() => encodeURIComponent(directId(random)), () => random.pick(['', '%', '%ff', '%00', '..', 'a/b', '?a', 'x'.repeat(600)])])()}`,
      ),
    () =>
      request(
        random,
        'PUT',
        `/v1/faults/${random.pick(['node01', 'node04', '%', '__proto__'])}`,
        random.pick([
          '{}',
          '[',
          '{"error":2}',
          '{"x":1}',
          '{"delayMs":-1}',
          '{"down":"yes"}',
          'null',
        ]),
      ),
    () =>
      request(
        random,
        random.pick(['GET', 'GET', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'DELETE']),
        `${random.pick(paths)}${random.pick(['', '', '?a=%', '/', '/x', '?limit=-1&after=%00'])}`,
      ),
  ])();
  if (made.path === '/v1/operations' && random.between(0, 3_000) === 0)
    made.body = hugeBody(random);
  if (random.between(0, 6) === 0) made.headers = { ...made.headers, ...oddHeaders(random) };
  if (made.body !== undefined && random.between(0, 9) === 0) made.framing = 'chunked';
  if (made.method === 'GET' || made.method === 'HEAD') made.body = undefined;
  return made;
}
