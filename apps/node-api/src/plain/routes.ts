import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { Hono } from 'hono';
import { limitBody } from '../body.ts';
import { requireNode, type Environment, type RequestContext } from '../environment.ts';
import { answerWrongMethod, refusal } from '../errors.ts';
import type { ClusterFaults } from '../faults/cluster-faults.ts';
import { nodeLimits } from '../limits.ts';
import { groupTableOf, nodeNames, type NodeName } from '../nodes.ts';
import { randomError, type RandomBehavior } from '../random-behavior.ts';
import { formatPythonFloat } from './python-float.ts';
import { createRecords } from './records.ts';
import { readBodyId, readPathId, readTimestamp } from './request.ts';

export interface PlainOptions {
  db: PostgresJsDatabase;
  faults: ClusterFaults;
  random: RandomBehavior;
}

type Records = ReturnType<typeof createRecords>;
interface PlainRequest {
  records: Records;
  timestamp: number | null;
}

/**
 * The plain protocol: GET, POST, DELETE /v1/group. What is looked at, in this order: random behaviour,
 * timestamp, node, fault, body.
 */
export function createPlainRoutes({ db, faults, random }: PlainOptions): Hono<Environment> {
  const recordsByNode = Object.fromEntries(
    nodeNames.map((node) => [node, createRecords(db, groupTableOf(node))]),
  ) as Record<NodeName, Records>;

  const answer =
    (handle: (c: RequestContext, request: PlainRequest) => Promise<Response>) =>
    async (c: RequestContext): Promise<Response> => {
      const error = randomError(random);
      if (error) throw refusal(error.status, error.message);
      const timestamp = readTimestamp(c);
      const node = requireNode(c);
      faults.drawError(node);
      try {
        return await handle(c, { records: recordsByNode[node], timestamp });
      } finally {
        faults.drawLostReply(node); // a refusal can be lost as well
      }
    };

  const read = answer(async (c, { records }) => {
    const groupId = readPathId(c);
    if (!(await records.exists(groupId))) throw notFound(groupId, null);
    return c.json({ groupId });
  });

  const create = answer(async (c, { records, timestamp }) => {
    const groupId = await readBodyId(c);
    if (!(await records.create(groupId, timestamp)))
      throw refusal(400, 'Perhaps the object exists.');
    return c.text('CREATED\n', 201);
  });

  const remove = answer(async (c, { records, timestamp }) => {
    const groupId = await readBodyId(c);
    if (!(await records.remove(groupId, timestamp))) throw notFound(groupId, timestamp);
    return c.text('OK\n');
  });

  const limit = limitBody(nodeLimits.plainBodyBytes);
  return new Hono<Environment>()
    .post('/v1/group', limit, faults.disturb, create)
    .delete('/v1/group', limit, faults.disturb, remove)
    .all('/v1/group', answerWrongMethod('POST', 'DELETE'))
    .get('/v1/group/', faults.disturb, read)
    .all('/v1/group/', answerWrongMethod('GET'))
    .get('/v1/group/:id', faults.disturb, read)
    .all('/v1/group/:id', answerWrongMethod('GET'));
}

const notFound = (groupId: string, timestamp: number | null) =>
  refusal(
    404,
    `No group record found with id '${groupId}'` +
      (timestamp === null ? '' : ` and timestamp '${formatPythonFloat(timestamp)}'`),
  );
