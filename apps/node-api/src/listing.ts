import {
  groupIds,
  groupId as groupIdSchema,
  limits,
  type GroupPage,
  type ListedGroup,
} from '@reliable-ops/contracts';
import { and, gt, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { Hono } from 'hono';
import { checkBody, limitBody, readJson } from './body.ts';
import { requireNode, type Environment, type RequestContext } from './environment.ts';
import { answerWrongMethod, refusal } from './errors.ts';
import type { ClusterFaults } from './faults/cluster-faults.ts';
import { nodeLimits } from './limits.ts';
import { groupTableOf, type NodeName } from './nodes.ts';

/**
 * GET /v1/groups: a node's groups, page by page in the order of their ids. POST /v1/groups/lookup: which of some ids
 * it has. Faults disturb them as any call.
 */
export function createListingRoutes({
  db,
  faults,
}: {
  db: PostgresJsDatabase;
  faults: ClusterFaults;
}): Hono<Environment> {
  const answer =
    (handle: (c: RequestContext, node: NodeName) => Promise<object>) =>
    async (c: RequestContext): Promise<Response> => {
      const node = requireNode(c);
      faults.drawError(node);
      const found = await handle(c, node);
      faults.drawLostReply(node);
      return c.json(found);
    };

  const list = answer((c, node) => readPage(db, node, readPlace(c)));
  const lookUp = answer(async (c, node) => {
    const ids = checkBody(await readJson(c), groupIds);
    return { groups: await readGroups(db, node, ids) };
  });

  return new Hono<Environment>()
    .get('/v1/groups', faults.disturb, list)
    .all('/v1/groups', answerWrongMethod('GET'))
    .post('/v1/groups/lookup', limitBody(nodeLimits.operationsBodyBytes), faults.disturb, lookUp)
    .all('/v1/groups/lookup', answerWrongMethod('POST'));
}

interface Place {
  /** Undefined: from the first. Not the same as '', which is an id. */
  after: string | undefined;
  limit: number;
}

/**
 * Tombstones count for the length of a page, though they are not told: else a page might have to read through millions
 * of them to become full.
 */
async function readPage(
  db: PostgresJsDatabase,
  node: NodeName,
  { after, limit }: Place,
): Promise<GroupPage> {
  const table = groupTableOf(node);
  const rows = await db
    .select({ groupId: table.groupId, timestamp: table.timestamp, present: table.present })
    .from(table)
    .where(after === undefined ? undefined : gt(table.groupId, after))
    .orderBy(table.groupId)
    .limit(limit);
  return {
    groups: rows
      .filter(({ present }) => present)
      .map(({ groupId, timestamp }) => ({ groupId, timestamp })),
    next: rows.length === limit ? rows.at(-1)!.groupId : null,
  };
}

async function readGroups(
  db: PostgresJsDatabase,
  node: NodeName,
  ids: string[],
): Promise<ListedGroup[]> {
  if (ids.length === 0) return [];
  const table = groupTableOf(node);
  return db
    .select({ groupId: table.groupId, timestamp: table.timestamp })
    .from(table)
    .where(and(table.present, sql`${table.groupId} = any(${sql.param(ids)}::text[])`));
}

/** Throws 400, which names the parameter. */
function readPlace(c: RequestContext): Place {
  const { after, limit, ...others } = c.req.query();
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw refusal(400, `${unknown}: no such parameter; there are after and limit`);
  if (limit !== undefined && (!/^\d{1,6}$/.test(limit) || !isPageLength(Number(limit))))
    throw refusal(400, `limit must be a whole number from 1 to ${limits.pageGroups}`);
  const checked = groupIdSchema.optional().safeParse(after);
  if (!checked.success)
    throw refusal(400, `after ${checked.error.issues[0]?.message ?? 'is not valid'}`);
  return { after: checked.data, limit: limit === undefined ? limits.pageGroups : Number(limit) };
}

const isPageLength = (length: number): boolean => length >= 1 && length <= limits.pageGroups;
