import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';

const folder = new URL('../', import.meta.url);

interface Rule {
  alert: string;
  expr: string;
  for?: string;
}
interface Configuration {
  global: Record<string, string>;
  scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
}

export const readRules = async (): Promise<Rule[]> => {
  const { groups } = parse(await readFile(new URL('alerts.yml', folder), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
};

interface DashboardQuery {
  title: string;
  expr: string;
}
export async function readDashboardQueries(): Promise<DashboardQuery[]> {
  const { panels } = JSON.parse(
    await readFile(new URL('grafana-dashboard.json', folder), 'utf8'),
  ) as { panels: { title: string; targets?: { expr: string }[] }[] };
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
}

/** Seconds that stand for every minute and hour of the rules. */
const hurriedRangeS = 10;
const hurriedThresholdS = 3;

/** The same rule, which does not wait: ranges of seconds, thresholds of seconds, no `for`. What it looks at stays. */
function hurry(rule: Rule): Rule {
  return {
    ...rule,
    expr: rule.expr
      .replaceAll(/\[\d+[mh]\]/g, `[${hurriedRangeS}s]`)
      .replaceAll(/offset \d+[mh]/g, `offset ${hurriedRangeS}s`)
      .replaceAll(/> (?:6 \* 3600|3600|60)(?!\d)/g, `> ${hurriedThresholdS}`),
    for: '0s',
  };
}

/** Writes our own configuration and rules into `into`, for these targets and in a hurry; answers the configuration's path. */
export async function writeRehearsal(
  into: string,
  targets: Record<string, string>,
): Promise<string> {
  const configuration = parse(
    await readFile(new URL('prometheus.yml', folder), 'utf8'),
  ) as Configuration;
  for (const scraped of configuration.scrape_configs)
    scraped.static_configs = [{ targets: [targets[scraped.job_name]!] }];
  const rules = (await readRules()).map(hurry);
  await mkdir(into, { recursive: true });
  await writeFile(`${into}/alerts.yml`, stringify({ groups: [{ name: 'rehearsal', rules }] }));
  const path = `${into}/prometheus.yml`;
  await writeFile(
    path,
    stringify({
      ...configuration,
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    }),
  );
  return path;
}
