import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allEnded, clientOf, startSystem, waitFor, type System } from '@reliable-ops/testkit';
import { problemOf, startApi, startBackends, type Backends } from './fixture.ts';

/** Value of a series, by its name and labels as they stand in the exposition; undefined: there is none. */
function valueIn(exposition: string, series: string): number | undefined {
  const line = exposition.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
const sumIn = (exposition: string, pattern: RegExp): number =>
  exposition
    .split('\n')
    .filter((line) => pattern.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

test('/metrics stands behind the guards of everything else', async () => {
  await using backends: Backends = await startBackends();
  await using api = startApi(backends, { tokens: ['a-token'] });
  expect(problemOf(await api.send('GET', '/metrics'))).toMatchObject({ status: 401 });
  const evil = await api.send('GET', '/metrics', { headers: { host: 'evil.example' } });
  expect(problemOf(evil)).toMatchObject({ status: 403 });
  const reply = await api.send('GET', '/metrics', {
    headers: { authorization: 'Bearer a-token' },
  });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(reply.text).toContain('process_cpu_seconds_total');
});

test('requests are counted by route, however many paths there are', async () => {
  await using backends: Backends = await startBackends();
  await using api = startApi(backends);
  for (let n = 1; n <= 30; n++) {
    await api.send('GET', `/v1/sagas/${n}`);
    await api.send('GET', `/nothing/${n}`);
  }
  const { text } = await api.send('GET', '/metrics');
  const counts = text
    .split('\n')
    .filter((line) => line.startsWith('rops_http_request_duration_seconds_count'));
  expect(counts.sort()).toEqual([
    'rops_http_request_duration_seconds_count{method="GET",route="/v1/sagas/:id{[0-9]+}",status="404"} 30',
    'rops_http_request_duration_seconds_count{method="GET",route="none",status="404"} 30',
  ]);
});

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { LOG_LEVEL: 'debug', STUCK_AFTER: '2', STEP_ATTEMPTS: '2' } });
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

const scrape = async (url: string): Promise<string> => {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response.text();
};
/** Of its last start. */
const workerMetricsUrl = (): string =>
  system.workers[0]!.output()
    .match(/http:\/\/127\.0\.0\.1:\d+\/metrics/g)
    ?.at(-1) as string;
const scrapeAll = async () => ({
  orchestrator: await scrape(`${system.orchestratorUrl}/metrics`),
  worker: await scrape(workerMetricsUrl()),
  nodeApi: await scrape(`${system.nodeApiUrl}/metrics`),
});

test('after a job the processes tell of every saga, step and operation of it, each once', async () => {
  await waitFor("the worker's metrics", () => workerMetricsUrl() !== undefined);
  const client = clientOf(system);
  const ids = Array.from({ length: 50 }, (_, n) => `m${n}`);
  const batch = await client.post('create-group', ids);
  await waitFor('their end', async () => allEnded(await client.count([batch])));

  // Who commits an end tells its metrics of it right after.
  await waitFor('the worker to tell of them', async () => {
    const { worker } = await scrapeAll();
    return valueIn(worker, 'rops_sagas_ended_total{saga="create-group",status="completed"}') === 50;
  });
  const { orchestrator, worker, nodeApi } = await scrapeAll();
  expect(valueIn(orchestrator, 'rops_sagas_accepted_total{saga="create-group"}')).toBe(50);
  expect(
    valueIn(worker, 'rops_saga_duration_seconds_count{saga="create-group",status="completed"}'),
  ).toBe(50);
  for (const node of ['node01', 'node02', 'node03']) {
    expect(valueIn(worker, `rops_steps_total{node="${node}",outcome="applied"}`)).toBe(50);
    expect(
      valueIn(worker, `rops_step_attempts_total{node="${node}",kind="create",outcome="applied"}`),
    ).toBe(50);
    expect(
      valueIn(nodeApi, `rops_node_operations_total{node="${node}",op="create",outcome="applied"}`),
    ).toBe(50);
    expect(
      valueIn(worker, `rops_call_duration_seconds_count{node="${node}",kind="create"}`),
    ).toBeGreaterThan(0);
  }
  expect(valueIn(worker, 'rops_commit_commands_sum')).toBe(150);
  expect(valueIn(orchestrator, 'rops_accept_sagas_sum')).toBe(50);
  expect(sumIn(worker, /^rops_recovery_passes_total\{result="made"\}/)).toBeGreaterThan(0);
  for (const one of [orchestrator, worker, nodeApi])
    expect(valueIn(one, 'rops_event_loop_lag_seconds_count')).toBeGreaterThan(0);
});

test("at debug a saga can be followed through the worker's log: each attempt that failed, and its end", async () => {
  const client = clientOf(system);
  await client.setFaults('node02', { error: 1 });
  const batch = await client.post('create-group', ['followed']);
  const key = 'group:followed';
  const linesOfIt = () =>
    system.workers[0]!.output()
      .split('\n')
      .filter((line) => line.includes(`"key":"${key}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ saga }) => saga !== undefined);
  await waitFor('a compensation that fails', () =>
    linesOfIt().some(({ phase }) => phase === 'compensation'),
  );
  await client.setFaults('node02', {});
  await waitFor('its end', async () => allEnded(await client.count([batch])));
  await waitFor('the line of its end', () => linesOfIt().some(({ msg }) => msg === 'saga ended'));

  const [view] = await client.sagas(batch);
  const lines = linesOfIt();
  for (const { saga } of lines) expect(saga).toBe(Number(view!.id));
  expect(lines.slice(0, 2)).toMatchObject(
    [1, 2].map((attempt) => ({ node: 'node02', attempt, phase: 'action', msg: 'attempt failed' })),
  );
  expect(lines.at(-1)).toMatchObject({
    status: 'compensated',
    error: expect.stringMatching(/^node02: /),
  });
});

/** A scrape of the orchestrator in which these series have these values; what was seen instead, if it does not come to that. */
const seeValues = (expected: Record<string, number>): Promise<unknown> => {
  let seen: Record<string, number | undefined> = {};
  return waitFor(
    'the values',
    async () => {
      const text = await scrape(`${system.orchestratorUrl}/metrics`);
      seen = Object.fromEntries(
        Object.keys(expected).map((series) => [series, valueIn(text, series)]),
      );
      return Object.entries(expected).every(([series, value]) => seen[series] === value);
    },
    { explain: () => JSON.stringify(seen, null, 2) },
  );
};

test('what the log says is told as it is: active by status, stuck, who waits, what is owed and for how long; by an orchestrator that was killed as well', async () => {
  const client = clientOf(system);
  const start = (...ids: string[]) => client.post('create-group', ids);
  await client.setFaults('node02', { error: 1 });
  const stuck = await start('stuck-1', 'stuck-2');
  await seeValues({ rops_sagas_stuck: 2 });
  await fetch(`${system.orchestratorUrl}/v1/participants/node03/pause`, { method: 'POST' });
  await client.setFaults('node02', {});
  const batches = [
    stuck,
    await start('p1', 'p2', 'p3'),
    await start('p1', 'p2'),
    await start('p1'),
  ];
  const expected = {
    'rops_sagas_active{status="compensating"}': 0,
    'rops_sagas_active{status="running"}': 3,
    'rops_sagas_active{status="queued"}': 3,
    rops_sagas_stuck: 0,
    rops_lanes_waiting: 2,
    'rops_outbox_rows{node="node01"}': 0,
    'rops_outbox_rows{node="node03"}': 1,
    'rops_node_paused{node="node01"}': 0,
    'rops_node_paused{node="node03"}': 1,
    'rops_queue_jobs{node="node03",state="waiting"}': 1,
  };
  await waitFor('the stuck ones to be taken back', async () =>
    allEnded(await client.count([stuck])),
  );
  await seeValues(expected);

  await system.orchestrator.kill('SIGKILL');
  await system.workers[0]!.kill('SIGKILL');
  await system.orchestrator.start();
  await seeValues(expected);
  const killed = await scrape(`${system.orchestratorUrl}/metrics`);
  const since = valueIn(killed, 'rops_outbox_oldest_overdue_seconds{node="node03"}')!;
  expect(since).toBeGreaterThan(0);
  expect(valueIn(killed, 'rops_saga_oldest_active_seconds')).toBeGreaterThanOrEqual(since);
  expect(valueIn(killed, 'rops_outbox_oldest_overdue_seconds{node="node01"}')).toBe(0);
  expect(valueIn(killed, 'rops_sagas_accepted_total{saga="create-group"}')).toBe(0);

  await system.workers[0]!.start();
  await fetch(`${system.orchestratorUrl}/v1/participants/node03/resume`, { method: 'POST' });
  await waitFor('their end', async () => allEnded(await client.count(batches)));
  await seeValues({ 'rops_sagas_active{status="running"}': 0, rops_lanes_waiting: 0 });
});

test('no label is what somebody sends: a thousand strange requests make no more series than the first hundred', async () => {
  const urls = [system.orchestratorUrl, system.nodeApiUrl];
  const sendStrange = async (n: number): Promise<void> => {
    const headers = { node: `n${n}`, traceparent: `00-${n}`, 'content-type': `text/${n}` };
    const body = JSON.stringify([{ op: `op${n}`, groupId: `g${n}` }]);
    const asked = urls.flatMap((url) => [
      fetch(`${url}/${n}`, { headers }),
      fetch(`${url}/v1/sagas/${n}?status=${n}`, { headers }),
      fetch(`${url}/v1/groups/${n}`, { headers }),
      fetch(`${url}/static/${n}.js`, { headers }),
      fetch(`${url}/v1/operations`, { method: 'POST', headers, body }),
      fetch(`${url}/v1/sagas/batch`, { method: 'POST', headers, body }),
      fetch(`${url}/v1/participants/n${n}/pause`, { method: 'POST', headers }),
      fetch(`${url}/v1/faults/n${n}`, { method: 'PUT', headers, body }),
      fetch(`${url}/metrics`, { method: `M${n}`, headers }),
    ]);
    for (const answer of await Promise.all(asked)) await answer.arrayBuffer();
  };
  const countSeries = async (): Promise<number> => {
    const { orchestrator, nodeApi } = await scrapeAll();
    return sumIn(`${orchestrator}${nodeApi}`.replaceAll(/^[^#].*$/gm, 'one 1'), /^one 1$/);
  };
  for (let n = 0; n < 5; n++) await sendStrange(n);
  const few = await countSeries();
  for (let n = 5; n < 50; n++) await sendStrange(n);
  expect(await countSeries()).toBe(few);
});

test('the orchestrator shows how the log stands, and no old number when Postgres or Redis is away', async () => {
  const { orchestrator } = await scrapeAll();
  expect(valueIn(orchestrator, 'rops_postgres_up')).toBe(1);
  expect(valueIn(orchestrator, 'rops_redis_up')).toBe(1);
  expect(valueIn(orchestrator, 'rops_sagas_active{status="running"}')).toBe(0);
  expect(valueIn(orchestrator, 'rops_outbox_rows{node="node01"}')).toBe(0);
  expect(valueIn(orchestrator, 'rops_node_paused{node="node02"}')).toBe(0);
  expect(valueIn(orchestrator, 'rops_queue_jobs{node="node03",state="waiting"}')).toBe(0);
  expect(valueIn(orchestrator, 'rops_stage_jobs{state="waiting"}')).toBe(0);

  await system.redis.kill();
  await waitFor(
    'Redis to be seen away',
    async () => valueIn((await scrapeAll()).orchestrator, 'rops_redis_up') === 0,
  );
  const away = (await scrapeAll()).orchestrator;
  expect(away).not.toMatch(/^rops_(queue|stage)_jobs/m);
  expect(valueIn(away, 'rops_postgres_up')).toBe(1);
});
