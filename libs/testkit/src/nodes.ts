import { connect } from '@reliable-ops/database';

export const nodeNames = ['node01', 'node02', 'node03'] as const;

/** What the nodes' own tables hold: the ids of the groups that are present, in byte order, by node. */
export async function readPresentIds(
  databaseUrl: string,
): Promise<Record<(typeof nodeNames)[number], string[]>> {
  const sql = connect(databaseUrl, { applicationName: 'testkit', max: 1 });
  try {
    const present = async (node: string): Promise<string[]> => {
      const rows = await sql<{ id: string }[]>`
        select group_id as id from ${sql(node)}.groups where present order by group_id`;
      return rows.map(({ id }) => id);
    };
    return {
      node01: await present('node01'),
      node02: await present('node02'),
      node03: await present('node03'),
    };
  } finally {
    await sql.end();
  }
}
