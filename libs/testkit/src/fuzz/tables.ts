import { connect } from '@reliable-ops/database';
import { nodeNames } from '../nodes.ts';
import { waitFor } from '../wait-for.ts';
import type { AnswerRecord } from './answers.ts';

/** Milliseconds that the sagas get to end, once nothing is sent any more. */
const endMs = 120_000;
const mostNamed = 5;

/**
 * Holds the tables against the answers: every saga has ended, nothing but what was sent is in them, what was accepted is
 * there as a whole, an Idempotency-Key has one batch, and the nodes hold what the sagas say. Answers what is wrong.
 */
export async function checkTables(
  databaseUrl: string,
  record: AnswerRecord,
): Promise<{ sagas: number; findings: string[] }> {
  const sql = connect(databaseUrl, { applicationName: 'fuzz', max: 1 });
  const findings: string[] = [];
  const find = (what: string, cases: string[]): void => {
    if (cases.length > 0)
      findings.push(
        `${what} (${cases.length}): ${cases
          .slice(0, mostNamed)
          .map((one) => JSON.stringify(one))
          .join(', ')}`,
      );
  };
  try {
    const countActive = async (): Promise<number> => {
      const [row] = await sql<{ n: number }[]>`
        select (select count(*) from saga.sagas where ended_at is null) + (select count(*) from saga.outbox)
          + (select count(*) from saga.lanes) as n`;
      return row!.n;
    };
    await waitFor('every saga to end', async () => (await countActive()) === 0, {
      timeoutMs: endMs,
      everyMs: 250,
    }).catch((error: Error) => findings.push(error.message));

    const sagas = await sql<
      { id: number; batchId: string; groupId: string; present: boolean | null }[]
    >`
      select id, batch_id as "batchId", substr(key, 7) as "groupId",
        case when status = 'completed' then name = 'create-group' end as present
      from saga.sagas order by id`;
    find(
      'ids in the log that nobody sent',
      sagas.map(({ groupId }) => groupId).filter((id) => !record.ids.has(id)),
    );
    const known = new Set(sagas.map(({ id }) => id));
    find(
      'accepted sagas that are missing',
      [...record.sagaIds].filter((id) => !known.has(id)).map(String),
    );
    const sizes = new Map<string, number>();
    for (const { batchId } of sagas) sizes.set(batchId, (sizes.get(batchId) ?? 0) + 1);
    find(
      'batches that are not whole',
      [...record.batches]
        .filter(([id, size]) => sizes.get(id) !== size)
        .map(([id, size]) => `${id}: ${sizes.get(id)} of ${size}`),
    );
    find(
      'Idempotency-Keys with several batches',
      [...record.batchesByKey].filter(([, batches]) => batches.size > 1).map(([key]) => key),
    );

    const expected = new Map<string, boolean>();
    for (const { groupId, present } of sagas) if (present !== null) expected.set(groupId, present);
    const keys = new Set(sagas.map(({ groupId }) => groupId));
    for (const node of nodeNames) {
      const rows = await sql<{ id: string; present: boolean }[]>`
        select group_id as id, present from ${sql(node)}.groups`;
      const present = new Set(rows.filter((row) => row.present).map(({ id }) => id));
      find(
        `${node} does not hold what the sagas say`,
        [...keys].filter((id) => present.has(id) !== (expected.get(id) ?? false)),
      );
      // A number may stand for an id: its digits do.
      find(
        `ids on ${node} that nobody sent`,
        rows
          .map(({ id }) => id)
          .filter((id) => !record.ids.has(id) && !/^-?[\d.e+-]+$|^-?inf$/.test(id)),
      );
    }
    return { sagas: sagas.length, findings };
  } finally {
    await sql.end();
  }
}
