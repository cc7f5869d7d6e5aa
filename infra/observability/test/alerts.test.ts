import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { findFreePort } from '@reliable-ops/local';
import {
  clientOf,
  createTemporaryFolder,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '@reliable-ops/testkit';
import {
  describeWithPrometheus,
  promtool,
  startPrometheus,
  testWithPromtool,
  type Prometheus,
} from './prometheus.ts';
import { readDashboardQueries, readRules, writeRehearsal } from './rehearsal.ts';

const own = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

testWithPromtool(
  'with their own thresholds and times the rules say what alerts.promtool.yml expects',
  () => {
    execFileSync(promtool, ['test', 'rules', own('test/alerts.promtool.yml')], { stdio: 'pipe' });
  },
);

/** Every rule on a system that is really broken, as Prometheus sees it: it fires, and it is quiet again once all is well. */
describeWithPrometheus('a running Prometheus', () => {
  const resources: AsyncDisposable[] = [];
  let system: System;
  let client: SystemClient;
  let prometheus: Prometheus;
  let metricsUrls: Record<string, string>;
  /** Rules that have fired and were quiet afterwards. */
  const rehearsed = new Set<string>();

  beforeAll(async () => {
    const metricsPort = await findFreePort();
    system = await startSystem({
      env: {
        METRICS_PORT: String(metricsPort),
        STEP_ATTEMPTS: '2',
        STUCK_AFTER: '2',
        SAGA_DEADLINE: '5s',
        MAINTENANCE_INTERVAL: '1s',
        MAX_ACTIVE_SAGAS: '20',
      },
    });
    resources.push(system);
    client = clientOf(system);
    metricsUrls = {
      'rops-orchestrator': `${system.orchestratorUrl}/metrics`,
      'rops-worker': `http://127.0.0.1:${metricsPort}/metrics`,
      'rops-node-api': `${system.nodeApiUrl}/metrics`,
    };
    const folder = await createTemporaryFolder('prometheus');
    resources.push(folder);
    const configFile = await writeRehearsal(
      folder.path,
      Object.fromEntries(Object.entries(metricsUrls).map(([job, url]) => [job, new URL(url).host])),
    );
    prometheus = await startPrometheus(configFile, `${folder.path}/data`);
    resources.push(prometheus);
    await waitFor('all targets to be up', async () => {
      const targets = await prometheus.targets();
      return targets.length === 3 && targets.every(({ health }) => health === 'up');
    });
  });
  afterAll(async () => {
    for (const one of resources.toReversed()) await one[Symbol.asyncDispose]();
  });

  const firing = async (): Promise<string[]> =>
    (await prometheus.alerts())
      .filter(({ state }) => state === 'firing')
      .map(({ labels: { alertname } }) => alertname);
  const seeFiring = (...names: string[]) => {
    const waited = new Set(names);
    return waitFor(
      names.join(', '),
      async () => {
        for (const name of await firing()) waited.delete(name);
        return waited.size === 0;
      },
      { timeoutMs: 50_000, everyMs: 250, explain: () => `not seen: ${[...waited].join(', ')}` },
    );
  };
  const seeQuiet = async (...names: string[]) => {
    let seen: string[] = [];
    await waitFor(
      `an end of ${names.join(', ')}`,
      async () => {
        seen = await firing();
        return names.every((name) => !seen.includes(name));
      },
      { timeoutMs: 50_000, everyMs: 250, explain: () => `firing: ${seen.join(', ')}` },
    );
    for (const name of names) rehearsed.add(name);
  };

  const send = (path: string, body: unknown = {}): Promise<Response> =>
    fetch(`${system.orchestratorUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  let groups = 0;
  const start = async (count: number): Promise<void> => {
    const inputs = Array.from({ length: count }, () => ({ groupId: `g${groups++}` }));
    const answer = await send('/v1/sagas/batch', { saga: 'create-group', inputs });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
  };
  /** Sends a saga every now and then, whatever becomes of it, while `work` goes on. */
  const whileSending = (work: () => Promise<unknown>): Promise<void> =>
    repeatWhile(work, async () => {
      const saga = { saga: 'create-group', input: { groupId: `g${groups++}` } };
      await send('/v1/sagas', saga).catch(() => {});
      await pause(300);
    });

  test('a system at which all is well alerts nobody', async () => {
    await start(10);
    await waitFor(
      'its end, as Prometheus sees it',
      async () =>
        (await prometheus.query('sum(rops_sagas_ended_total{status="completed"})'))[0]?.value ===
        10,
    );
    // Before the first scrape there is nobody to be seen.
    await waitFor('silence', async () => (await prometheus.alerts()).length === 0);
  });

  test('no worker: what is owed waits, nobody looks for lost jobs, nothing old is removed', async () => {
    const [worker] = system.workers;
    await worker!.kill('SIGKILL');
    await start(5);
    await seeFiring(
      'RopsTargetDown',
      'RopsRecoveryNotRunning',
      'RopsOutboxOverdue',
      'RopsSagaOld',
      'RopsSagaPastDeadline',
      'RopsMaintenanceNotRunning',
    );
    await emptyRedis(system.redis.url);
    await seeFiring('RopsQueueEmptyWhileOwed');
    // It finds Redis empty before anybody has scraped it once.
    await worker!.start();
    await seeFiring('RopsRedisLostItsJobs');
    await seeQuiet(
      'RopsTargetDown',
      'RopsRecoveryNotRunning',
      'RopsOutboxOverdue',
      'RopsSagaOld',
      'RopsSagaPastDeadline',
      'RopsMaintenanceNotRunning',
      'RopsQueueEmptyWhileOwed',
      'RopsRedisLostItsJobs',
    );
  }, 120_000);

  test('a node that fails: its attempts, sagas that cannot be taken back, then those that were', async () => {
    await client.setFaults('node02', { error: 1 });
    await whileSending(() => seeFiring('RopsNodeErrors', 'RopsSagasStuck'));
    expect(
      (await prometheus.alerts()).find(({ labels }) => labels.alertname === 'RopsNodeErrors')
        ?.labels,
    ).toMatchObject({ node: 'node02', severity: 'ticket' });
    await client.setFaults('node02', {});
    await send('/v1/stuck/retry');
    await seeFiring('RopsSagasTurnBack');
    await seeQuiet('RopsNodeErrors', 'RopsSagasStuck', 'RopsSagasTurnBack');
  }, 120_000);

  test('a paused node, and more sagas than may be active', async () => {
    await send('/v1/participants/node03/pause', { note: 'rehearsal' });
    await start(25);
    await whileSending(() => seeFiring('RopsNodePausedLong', 'RopsOverloaded'));
    await send('/v1/participants/node03/resume');
    await seeQuiet('RopsNodePausedLong', 'RopsOverloaded');
  }, 120_000);

  test('no Postgres: nothing is accepted, and what is under way cannot be committed', async () => {
    for (const node of ['node01', 'node02', 'node03'])
      await client.setFaults(node, { delayMs: 2_000 });
    await start(5);
    const away = await takePostgresAway(system.databaseUrl);
    try {
      await whileSending(() =>
        seeFiring('RopsPostgresAway', 'RopsRequestsFail', 'RopsJobsFailing'),
      );
    } finally {
      await away.bringBack();
    }
    for (const node of ['node01', 'node02', 'node03']) await client.setFaults(node, {});
    // A connection that breaks inside a transaction may end its process; here nobody else starts it again.
    for (const one of [system.nodeApi, system.orchestrator, ...system.workers])
      if (one.pid === undefined) await one.start();
    await seeQuiet('RopsPostgresAway', 'RopsRequestsFail', 'RopsJobsFailing');
  }, 120_000);

  test('no Redis', async () => {
    await system.redis.kill();
    await seeFiring('RopsRedisAway');
    await system.redis.start();
    await seeQuiet('RopsRedisAway');
  }, 120_000);

  test('an orchestrator that hangs again and again, and then one that is gone', async () => {
    const pid = system.orchestrator.pid!;
    const hang = async (): Promise<void> => {
      process.kill(pid, 'SIGSTOP');
      await pause(1_300);
      process.kill(pid, 'SIGCONT');
      await pause(400);
    };
    await repeatWhile(() => seeFiring('RopsEventLoopLag'), hang);
    await seeQuiet('RopsEventLoopLag');
    await system.orchestrator.kill('SIGKILL');
    await seeFiring('RopsBlind', 'RopsTargetDown');
    await system.orchestrator.start();
    await seeQuiet('RopsBlind', 'RopsTargetDown');
  }, 120_000);

  test('that was every rule there is', async () => {
    const rules = await readRules();
    expect([...rehearsed].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  test('every query of the dashboard has something to show', async () => {
    const empty: string[] = [];
    for (const { title, expr } of await readDashboardQueries()) {
      const samples = await prometheus.query(expr.replaceAll('$__rate_interval', '10m'));
      if (!samples.some(({ value }) => Number.isFinite(value))) empty.push(`${title}: ${expr}`);
    }
    expect(empty).toEqual([]);
  });

  test('every selector of a rule matches series that there are', async () => {
    const unmatched: string[] = [];
    for (const { alert, expr } of await readRules())
      for (const [selector] of expr.matchAll(/\b(?:rops_\w+|up)(?:\{[^}]*\})?/g))
        if ((await prometheus.series(selector)).length === 0)
          unmatched.push(`${alert}: ${selector}`);
    expect(unmatched).toEqual([]);
  });

  test('promtool has nothing to say of the configuration, the rules, and what each process tells', async () => {
    execFileSync(promtool, ['check', 'config', own('prometheus.yml')]);
    for (const [job, url] of Object.entries(metricsUrls)) {
      // A connection that is kept may be one to a process that was killed.
      const input = await waitFor(job, async () => (await fetch(url)).text());
      expect(input).toMatch(/^rops_/m);
      // It says on stderr what breaks a convention, and ends with 3.
      expect([job, checkMetrics(input)]).toEqual([job, '']);
    }
  });
});

function checkMetrics(input: string): string {
  try {
    execFileSync(promtool, ['check', 'metrics'], { input, stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { stderr: unknown }).stderr);
  }
}

/** Does it again and again until `work` has ended, however it ends. */
async function repeatWhile(
  work: () => Promise<unknown>,
  doOnce: () => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const repeating = (async () => {
    while (!over.signal.aborted) await doOnce();
  })();
  try {
    await work();
  } finally {
    over.abort();
    await repeating;
  }
}

async function emptyRedis(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connectSocket(Number(port), hostname);
  socket.write('FLUSHALL\r\n');
  await once(socket, 'data');
  socket.destroy();
}

/** Ends every connection to a database and lets nobody in, until it is brought back. */
async function takePostgresAway(databaseUrl: string): Promise<{ bringBack(): Promise<void> }> {
  const server = new URL(databaseUrl);
  const database = server.pathname.slice(1);
  server.pathname = '/postgres';
  const sql = connect(server.href, { applicationName: 'rehearsal', max: 1 });
  await sql`alter database ${sql(database)} with allow_connections false`;
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database}`;
  return {
    async bringBack() {
      await sql`alter database ${sql(database)} with allow_connections true`;
      await sql.end();
    },
  };
}
