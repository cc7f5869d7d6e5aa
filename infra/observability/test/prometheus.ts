import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from '@jest/globals';
import { findFreePort, startChild } from '@reliable-ops/local';
import { waitFor } from '@reliable-ops/testkit';

/** Where `prometheus` and `promtool` are: PROMETHEUS_FOLDER, or the first folder on PATH that has both. */
const folder = [
  process.env['PROMETHEUS_FOLDER'] ?? '',
  ...(process.env['PATH'] ?? '').split(delimiter),
]
  .filter((path) => path !== '')
  .find((path) => ['prometheus', 'promtool'].every((name) => isExecutable(join(path, name))));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (folder === undefined)
  process.stderr.write(
    'no Prometheus found: alerts and dashboard are not tried on a running one (apt-get install prometheus, or set PROMETHEUS_FOLDER)\n',
  );

/** The rehearsal takes two minutes: it is asked for by hand. */
const isAskedFor = process.env['REHEARSE_ALERTS'] !== undefined;
if (folder !== undefined && !isAskedFor)
  process.stderr.write('alerts are rehearsed by REHEARSE_ALERTS=1 npm test -- alerts\n');

/** Tests with a real Prometheus; skipped, and counted so, where none is found or nobody has asked for them. */
export const describeWithPrometheus = folder !== undefined && isAskedFor ? describe : describe.skip;
/** One with promtool alone. */
export const testWithPromtool = folder === undefined ? test.skip : test;

export const promtool = join(folder ?? '', 'promtool');

interface Sample {
  metric: Record<string, string>;
  value: number;
}

interface Alert {
  labels: Record<string, string> & { alertname: string };
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
}

export interface Prometheus extends AsyncDisposable {
  query(expression: string): Promise<Sample[]>;
  /** Series that a selector matches, by their labels. */
  series(selector: string): Promise<Record<string, string>[]>;
  alerts(): Promise<Alert[]>;
  /** By job: what became of the last scrape. */
  targets(): Promise<{ job: string; health: string }[]>;
}

/** Starts one on a free port; what it keeps goes into `dataFolder`. */
export async function startPrometheus(configFile: string, dataFolder: string): Promise<Prometheus> {
  const port = await findFreePort();
  const lines: string[] = [];
  const child = await startChild({
    command: join(folder!, 'prometheus'),
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dataFolder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    onLine: (line) => lines.push(line),
  });
  const ask = async <T>(path: string, parameters: Record<string, string> = {}): Promise<T> => {
    const url = `http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const { status, data, error } = (await (await fetch(url)).json()) as {
      status: string;
      data: T;
      error?: string;
    };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  await waitFor('Prometheus', () => ask('status/config'), { explain: () => lines.join('\n') });

  return {
    async query(query) {
      const { result } = await ask<{
        result: { metric: Record<string, string>; value: [number, string] }[];
      }>('query', { query });
      return result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }));
    },
    series: (selector) => ask('series', { 'match[]': selector }),
    alerts: async () => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
    async targets() {
      const { activeTargets } = await ask<{
        activeTargets: { labels: { job: string }; health: string }[];
      }>('targets', { state: 'active' });
      return activeTargets.map(({ labels: { job }, health }) => ({ job, health }));
    },
    [Symbol.asyncDispose]: async () => void (await child.stop()),
  };
}
