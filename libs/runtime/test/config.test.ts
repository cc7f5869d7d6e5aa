import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig, parseDuration, variables } from '../src/index.ts';

const root = new URL('../../../', import.meta.url);
const readRootFile = (name: string): string => readFileSync(new URL(name, root), 'utf8');

/** The message of what loadConfig throws. */
function refusalOf(environment: NodeJS.ProcessEnv): string {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('.env.example', () => {
  const lines = readRootFile('.env.example').split('\n');
  const entries = lines.flatMap((line, index) => {
    const match = /^(# )?([A-Z_]+)=(.*)$/.exec(line);
    if (!match) return [];
    const [, comment, name, value] = match;
    return [{ name: name!, value: value!, active: comment === undefined, why: lines[index - 1]! }];
  });
  const names = entries.map(({ name }) => name);
  const composeNames = [...readRootFile('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(
    ([, name]) => name!,
  );
  const cliNames = ['ROPS_URL', 'ROPS_TOKEN'];

  test('it names every variable once, and none that nobody reads', () => {
    expect([...names].sort()).toEqual(
      [...new Set([...Object.keys(variables), ...composeNames, ...cliNames])].sort(),
    );
  });

  test('it shows the defaults that apply', () => {
    const defaults = loadConfig({});
    for (const name of Object.keys(variables) as (keyof typeof variables)[]) {
      const { value } = entries.find((entry) => entry.name === name)!;
      const isNothing = [undefined, ''].includes(defaults[name]?.toString());
      expect(`${name}=${value}`).toMatch(isNothing ? /=$/ : /=.+$/);
      expect({ [name]: loadConfig({ [name]: value })[name] }).toEqual({ [name]: defaults[name] });
    }
  });

  test('it shows the defaults that compose applies', () => {
    const compose = readRootFile('docker-compose.yml');
    for (const [, name, value] of compose.matchAll(/\$\{([A-Z_]+):-([^}]+)\}/g))
      expect(entries).toContainEqual(expect.objectContaining({ name, value }));
  });

  test('a copy of it changes nothing but the secrets that compose asks for, which it leaves empty', () => {
    const active = entries.filter((entry) => entry.active);
    expect(active.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'POSTGRES_PASSWORD=',
      'ROPS_TOKEN=',
    ]);
  });

  test('each variable has a line that says why', () => {
    for (const { name, why } of entries)
      expect(`${name}: ${why}`).toMatch(/^[A-Z_]+: # [^-].{20,}[^=]$/);
  });
});

describe('loadConfig', () => {
  test('an empty variable counts as unset', () => {
    const empty = Object.fromEntries(Object.keys(variables).map((name) => [name, '']));
    expect(loadConfig(empty)).toEqual(loadConfig({}));
  });

  test('each bad variable gets one line, with its name, its value and what is wrong', () => {
    const bad = {
      DATABASE_URL: 'mysql://x',
      REDIS_URL: '127.0.0.1:6379',
      ORCHESTRATOR_PORT: '65536',
      NODE_API_PORT: 'http',
      RANDOM_BEHAVIOR: '20',
      CALL_TIMEOUT: '5',
      STEP_ATTEMPTS: '0',
      WORKER_CONCURRENCY: '1.5',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'xml',
    };
    const lines = refusalOf(bad).split('\n');
    expect(lines).toHaveLength(Object.keys(bad).length);
    for (const [name, value] of Object.entries(bad)) {
      const shown = ['DATABASE_URL', 'REDIS_URL', 'API_TOKENS'].includes(name) ? '***' : value;
      const line = lines.find((candidate) => candidate.startsWith(`${name}=${shown}: `)) ?? name;
      expect(line.length).toBeGreaterThan(`${name}=${shown}: `.length + 10);
    }
    expect(lines).toContain(
      'CALL_TIMEOUT=5: must be a number and a unit: 250ms, 10s, 10m, 1h, 30d',
    );
  });

  test('one bad variable does not hide behind a good one, nor behind one that is not ours', () => {
    expect(refusalOf({ LOG_LEVEL: 'info', STUCK_AFTER: '-1', OTHER: 'x' })).toMatch(
      /^STUCK_AFTER=-1: [^\n]+$/,
    );
  });

  test('nodes have a name and a protocol, fenced unless said otherwise', () => {
    expect(loadConfig({ NODES: 'node01, node02:plain,n3:fenced' }).NODES).toEqual([
      { name: 'node01', protocol: 'fenced' },
      { name: 'node02', protocol: 'plain' },
      { name: 'n3', protocol: 'fenced' },
    ]);
  });

  test.each(['node01:http', 'Node01', 'node01:plain:x', '1', 'node 01'])(
    'NODES=%s is refused in one line that shows what is meant',
    (text) => {
      expect(refusalOf({ NODES: `node01,${text}` })).toBe(
        `NODES=node01,${text}: "${text}" must be a node's name, or name:fenced, or name:plain`,
      );
    },
  );

  test('lists are separated by commas; blanks and empty parts do not count', () => {
    expect(loadConfig({ API_TOKENS: ' one,, two ,' }).API_TOKENS).toEqual(['one', 'two']);
  });
});

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', '10', 's', '-1s', '1 s', '1e3s', '10 minutes'])('"%s" is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
