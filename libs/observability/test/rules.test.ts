import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '@reliable-ops/runtime';
import { createRegistry } from '@reliable-ops/saga';
import { parse } from 'yaml';
import {
  createEngineMetrics,
  createHttpMetrics,
  createMetrics,
  createNodeMetrics,
  measureFailedJobs,
  measureRecovery,
  registerLogMetrics,
  registerQueueMetrics,
} from '../src/index.ts';

const root = new URL('../../../', import.meta.url);
const readRootFile = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const page = readRootFile('docs/operations.md');

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; promise: string; runbook: string };
}
const rules = (
  parse(readRootFile('infra/observability/alerts.yml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}
const { panels, templating } = JSON.parse(
  readRootFile('infra/observability/grafana-dashboard.json'),
) as { panels: Panel[]; templating: { list: { name: string }[] } };

/** What Prometheus itself puts on every series; and on a histogram's. */
const ownLabels = ['job', 'instance'];

/** Every metric that any process of ours has; its series with their labels, and `up`, which is Prometheus's own. */
async function listMetrics(): Promise<{ names: string[]; series: Map<string, string[]> }> {
  const { registry } = createMetrics();
  createEngineMetrics(registry, createRegistry([]));
  createHttpMetrics(registry);
  createNodeMetrics(registry);
  measureFailedJobs(registry, () => {});
  measureRecovery(registry, async () => ({ held: true, rebuilt: false, added: 0 }));
  registerLogMetrics(registry, {
    nodes: [],
    measure: async () => {
      throw new Error('away');
    },
  });
  registerQueueMetrics(registry, { queues: new Map(), isConnected: () => false });
  const series = new Map([['up', ownLabels]]);
  const metrics = await registry.getMetricsAsJSON();
  for (const { name, type } of metrics as { name: string; type: unknown }[]) {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: string[] };
    const labels = [...ownLabels, ...labelNames];
    if (String(type) !== 'histogram') series.set(name, labels);
    else {
      series.set(`${name}_bucket`, [...labels, 'le']);
      for (const ending of ['_sum', '_count']) series.set(name + ending, labels);
    }
  }
  return { names: metrics.map(({ name }) => name).sort(), series };
}
const seriesIn = (expression: string): string[] =>
  [...expression.matchAll(/\b(?:(?:rops|process|nodejs)_\w+|up\b)/g)].map(([name]) => name);

/** What in an expression names a series or a label that does not exist. */
function findUnknown(expression: string, series: Map<string, string[]>): string[] {
  const names = seriesIn(expression);
  const known = new Set(names.flatMap((name) => series.get(name) ?? []));
  const matchers = [...expression.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, name, text]) =>
    [...text!.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => ({ name: name!, label: label! })),
  );
  const groups = [...expression.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, text]) => text!.split(',').map((label) => label.trim()),
  );
  return [
    ...(names.length === 0 ? ['no series at all'] : []),
    ...names.filter((name) => !series.has(name)),
    ...matchers
      .filter(({ name, label }) => !(series.get(name) ?? []).includes(label))
      .map(({ name, label }) => `${name}{${label}}`),
    ...groups.filter((label) => label !== '' && !known.has(label)).map((label) => `by (${label})`),
  ];
}

test('what an expression asks for in vain is found', async () => {
  const { series } = await listMetrics();
  const find = (expression: string) => findUnknown(expression, series);
  expect(find('sum by (node, le) (rate(rops_call_duration_seconds_bucket{kind="x"}[5m]))')).toEqual(
    [],
  );
  expect(find('sum by (le) (rops_call_duration_seconds_sum)')).toEqual(['by (le)']);
  expect(find('max(rops_sagas_stuck{saga="x"})')).toEqual(['rops_sagas_stuck{saga}']);
  expect(find('rops_call_duration_seconds')).toEqual(['rops_call_duration_seconds']);
  expect(find('vector(1)')).toEqual(['no series at all']);
});

describe('alerts.yml', () => {
  test('every series and label that a rule asks for exists in the code', async () => {
    const { series } = await listMetrics();
    expect(rules.length).toBeGreaterThan(10);
    for (const { alert, expr } of rules)
      expect([alert, findUnknown(expr, series)]).toEqual([alert, []]);
  });

  test('every label that a summary shows is left of what the rule asks for', () => {
    for (const { alert, expr, annotations } of rules) {
      const shown = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(
        ([, label]) => label!,
      );
      const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
      expect([alert, shown.filter((label) => !kept.includes(label))]).toEqual([alert, []]);
    }
  });

  test('every rule has its runbook in docs/operations.md, and every runbook its rule', () => {
    const headings = [...page.matchAll(/^### (Rops\w+)$/gm)].map(([, name]) => name!);
    expect(headings.sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of rules)
      expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
  });

  test('every rule says who should look, what is wrong and which promise is at risk', () => {
    for (const { labels, annotations } of rules) {
      expect(['page', 'ticket']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(20);
      expect(annotations.promise).not.toBe('');
    }
  });

  test.each(['P2', 'P6', 'P7'])('%s has a rule', (promise) => {
    expect(rules.some(({ annotations }) => annotations.promise.includes(promise))).toBe(true);
  });
});

test('prometheus.yml looks where the processes listen unless told otherwise', () => {
  const { scrape_configs: scraped } = parse(readRootFile('infra/observability/prometheus.yml')) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  const { ORCHESTRATOR_PORT, METRICS_HOST, METRICS_PORT, NODE_API_PORT } = loadConfig({});
  expect(
    scraped.map(({ job_name: job, static_configs: [first] }) => [job, first!.targets]),
  ).toEqual([
    ['rops-orchestrator', [`127.0.0.1:${ORCHESTRATOR_PORT}`]],
    ['rops-worker', [`${METRICS_HOST}:${METRICS_PORT}`]],
    ['rops-node-api', [`127.0.0.1:${NODE_API_PORT}`]],
  ]);
});

describe('grafana-dashboard.json', () => {
  const shown = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  );

  test('every series and label that a panel asks for exists in the code', async () => {
    const { series } = await listMetrics();
    expect(shown.length).toBeGreaterThan(20);
    for (const { title, expr } of shown)
      expect([title, findUnknown(expr, series)]).toEqual([title, []]);
  });

  test('every metric of ours has its panel', async () => {
    const { names } = await listMetrics();
    const all = shown.flatMap(({ expr }) => seriesIn(expr)).join(' ');
    expect(names.filter((name) => !all.includes(name))).toEqual([]);
  });

  test('its panels have ids of their own and do not lie on each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource']);
  });
});

describe('docs/operations.md', () => {
  test('it lists every metric of ours, and no other', async () => {
    const { names } = await listMetrics();
    const listed = [...page.matchAll(/^\| `((?:rops|process|nodejs)_\w+)` +\|/gm)].map(
      ([, name]) => name!,
    );
    expect(listed.sort()).toEqual(names);
  });

  test('the links within it lead somewhere', () => {
    const anchors = new Set(
      [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
        title!
          .toLowerCase()
          .replaceAll(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
