import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { variables as processVariables } from '@reliable-ops/runtime';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const composeFile = join(root, 'docker-compose.yml');

/** The compose there is, v2 first; `config` of either needs no engine. */
const compose = [['docker', 'compose'], ['docker-compose']].find(
  ([command, ...rest]) =>
    spawnSync(command!, [...rest, 'version'], { timeout: 30_000 }).status === 0,
);
if (!compose) console.warn('compose.test.ts: no docker compose found, so its tests are skipped');
const testWithCompose = compose ? test : test.skip;

interface Service {
  build?: unknown;
  command?: string[];
  container_name?: string;
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string | number>;
  healthcheck?: unknown;
  image: string;
  init?: boolean;
  networks: string[];
  ports?: unknown[];
  profiles?: string[];
  pull_policy?: string;
  read_only?: boolean;
  restart?: string;
  user?: string;
}
interface Project {
  services: Record<string, Service>;
  networks: Record<string, unknown>;
}

const secrets = { POSTGRES_PASSWORD: 'pw', ROPS_TOKEN: 'secret' };
const oneShots = ['cli', 'migrate'];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rops-compose-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Reading {
  status: number | null;
  errors: string;
  project(): Project;
}
const readings = new Map<string, Reading>();

/** What `compose config` makes of our file under a .env with these variables, and none from this process; asked once each. */
function readConfig(given: Record<string, string>): Reading {
  const text = Object.entries(given)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
  const known = readings.get(text);
  if (known) return known;
  const envFile = join(folder, '.env');
  writeFileSync(envFile, text);
  const [command, ...rest] = compose!;
  const { status, stdout, stderr, error } = spawnSync(
    command!,
    [...rest, '-f', composeFile, '--env-file', envFile, '--profile', 'cli', 'config'],
    { encoding: 'utf8', timeout: 30_000, env: { PATH: process.env['PATH'], HOME: folder } },
  );
  if (error) throw error;
  const reading = { status, errors: stderr, project: () => parse(stdout) as Project };
  readings.set(text, reading);
  return reading;
}
const readServices = (variables: Record<string, string> = {}): Record<string, Service> =>
  readConfig({ ...secrets, ...variables }).project().services;
const namesOf = (services: Record<string, Service>, has: (service: Service) => boolean): string[] =>
  Object.keys(services)
    .filter((name) => has(services[name]!))
    .sort();

describe('docker-compose.yml', () => {
  testWithCompose('it is valid, and has every part of the system', () => {
    const { status, errors, project } = readConfig(secrets);
    expect(status === 0 ? 'valid' : errors).toBe('valid');
    expect(Object.keys(project().services).sort()).toEqual([
      'cli',
      'migrate',
      'node-api',
      'orchestrator',
      'postgres',
      'redis',
      'worker',
    ]);
  });

  testWithCompose.each(Object.keys(secrets))('without %s it is refused', (name) => {
    const { [name]: _, ...others } = secrets as Record<string, string>;
    for (const variables of [others, { ...others, [name]: '' }]) {
      const { status, errors } = readConfig(variables);
      expect(status).not.toBe(0);
      expect(errors).toContain(`set ${name} in .env`);
    }
  });

  testWithCompose('a copy of .env.example as it is lacks exactly the secrets', () => {
    const example = readFileSync(join(root, '.env.example'), 'utf8');
    const variables = Object.fromEntries(
      [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
    );
    expect(readConfig(variables).status).not.toBe(0);
    expect(readConfig({ ...variables, ...secrets }).status).toBe(0);
  });

  testWithCompose(
    'only the orchestrator publishes a port, on loopback unless told otherwise',
    () => {
      const services = readServices();
      expect(namesOf(services, ({ ports = [] }) => ports.length > 0)).toEqual(['orchestrator']);
      expect(JSON.stringify(services['orchestrator']!.ports)).toContain('127.0.0.1');
      const opened = readServices({ PUBLISH_ADDRESS: '0.0.0.0', ORCHESTRATOR_PORT: '3999' });
      expect(JSON.stringify(opened['orchestrator']!.ports)).toMatch(/0\.0\.0\.0.*3999/);
      expect(opened['orchestrator']!.environment).toMatchObject({ HOST: '0.0.0.0' });
      expect(String(opened['orchestrator']!.environment!['ORCHESTRATOR_PORT'])).toBe('3000');
    },
  );

  testWithCompose('every service is started again when it ends, unless it is one-shot', () => {
    const services = readServices();
    expect(namesOf(services, ({ restart }) => restart === 'no')).toEqual(oneShots);
    expect(namesOf(services, ({ restart }) => restart === 'unless-stopped')).toEqual(
      Object.keys(services)
        .filter((name) => !oneShots.includes(name))
        .sort(),
    );
  });

  testWithCompose('workers can be many: no fixed name, no port', () => {
    const services = readServices();
    expect(services['worker']).not.toHaveProperty('container_name');
    expect(services['worker']).not.toHaveProperty('ports');
  });

  testWithCompose('whoever runs is asked whether it is well', () => {
    const services = readServices();
    expect(namesOf(services, ({ healthcheck }) => healthcheck !== undefined)).toEqual([
      'node-api',
      'orchestrator',
      'postgres',
      'redis',
      'worker',
    ]);
  });

  testWithCompose('nothing writes to its image, and nobody is root', () => {
    const services = readServices();
    expect(namesOf(services, ({ read_only }) => read_only === true)).toEqual(
      Object.keys(services).sort(),
    );
    const own = namesOf(services, ({ image }) => image.startsWith('reliable-ops:'));
    expect(namesOf(services, ({ user }) => user === undefined)).toEqual(own);
    const lines = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8').split('\n');
    expect(lines.findLastIndex((line) => line.startsWith('USER node'))).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('FROM')),
    );
  });

  testWithCompose('nothing starts before the database is up to date', () => {
    const services = readServices();
    expect(services['migrate']!.depends_on!['postgres']!.condition).toBe('service_healthy');
    for (const name of ['node-api', 'orchestrator', 'worker'])
      expect(services[name]!.depends_on!['migrate']!.condition).toBe(
        'service_completed_successfully',
      );
  });

  testWithCompose('Redis keeps what it has, and refuses rather than forgets', () => {
    expect(readServices()['redis']!.command!.join(' ')).toMatch(
      /--appendonly yes .*--maxmemory-policy noeviction/,
    );
  });

  testWithCompose(
    'the CLI reaches the orchestrator by a name and with a token that it takes',
    () => {
      const services = readServices({ API_TOKENS: 'other', ALLOWED_HOSTS: 'ops.example.org' });
      const { API_TOKENS, ALLOWED_HOSTS } = services['orchestrator']!.environment!;
      const { ROPS_URL, ROPS_TOKEN } = services['cli']!.environment!;
      expect(String(API_TOKENS).split(',')).toEqual([ROPS_TOKEN, 'other']);
      expect(String(ALLOWED_HOSTS).split(',')).toEqual([
        new URL(String(ROPS_URL)).hostname,
        'ops.example.org',
      ]);
      expect(services['cli']!.profiles).toEqual(['cli']);
    },
  );

  testWithCompose('what .env says about sagas reaches those who run them', () => {
    const services = readServices({ STEP_ATTEMPTS: '3', NODES: 'node01:plain' });
    for (const name of ['orchestrator', 'worker'])
      expect(services[name]!.environment).toMatchObject({
        STEP_ATTEMPTS: '3',
        NODES: 'node01:plain',
      });
  });
});

/** What .dockerignore says of a path: the last line that matches decides, and a folder's line holds for all in it. */
function isKeptOut(path: string): boolean {
  const rules = readFileSync(join(root, '.dockerignore'), 'utf8').match(/^[^#\s].*$/gm)!;
  const ends = [...path.matchAll(/\/|$/g)].map(({ index }) => index);
  return rules.reduce((out, rule) => {
    const pattern = rule
      .replace(/^!/, '')
      .replaceAll('.', '\\.')
      .replaceAll(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(?:.*/)?'));
    const matches = ends.some((end) => new RegExp(`^${pattern}$`).test(path.slice(0, end)));
    return matches ? !rule.startsWith('!') : out;
  }, false);
}

/** The file as it is written, merge keys followed: no compose needed. */
const readFile = (): Project =>
  parse(readFileSync(composeFile, 'utf8'), { merge: true }) as Project;

describe('docker-compose.yml, read without compose', () => {
  test('compose v2 builds side by side, and the second build of a tag fails: one service builds, all others wait for it', () => {
    const { services } = readFile();
    expect(namesOf(services, ({ build }) => build !== undefined)).toEqual(['migrate']);
    const own = namesOf(services, ({ image }) => image.startsWith('reliable-ops:'));
    for (const name of own) {
      expect(services[name]!.image).toBe(services['migrate']!.image);
      // 1.29 makes images in the order of dependencies; and nobody asks a registry for ours.
      expect([name, ...dependenciesOf(services, name)]).toContain('migrate');
      expect(services[name]!.pull_policy).toBe('never');
    }
  });

  test('only the orchestrator publishes a port, and it alone is on a network that leads outside', () => {
    const { services, networks } = readFile();
    expect(namesOf(services, ({ ports }) => ports !== undefined)).toEqual(['orchestrator']);
    expect(networks['inside']).toEqual({ internal: true });
    expect(namesOf(services, (service) => service.networks.includes('outside'))).toEqual([
      'cli',
      'orchestrator',
    ]);
  });

  test('nothing writes to its image, gains a right, or is told a secret that .env does not hold', () => {
    const text = readFileSync(composeFile, 'utf8');
    for (const service of Object.values(readFile().services))
      expect(service).toMatchObject({
        read_only: true,
        init: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    for (const name of Object.keys(secrets))
      expect(
        text.replaceAll(`\${${name}:?set ${name} in .env, see .env.example}`, ''),
      ).not.toContain(`\${${name}`);
  });

  test('whatever a process may be told reaches it: compose passes it on or sets it', () => {
    const { services } = readFile();
    const told = new Set(
      Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment)),
    );
    expect(Object.keys(processVariables).filter((name) => !told.has(name))).toEqual([]);
  });
});

const dependenciesOf = (services: Record<string, Service>, name: string): string[] =>
  Object.keys(services[name]!.depends_on ?? {}).flatMap((other) => [
    other,
    ...dependenciesOf(services, other),
  ]);

describe('Dockerfile', () => {
  const dockerfile = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8');

  test('npm finds every workspace that the lock file names: none is kept out of the context', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { link?: boolean }>;
    };
    const workspaces = Object.keys(lock.packages).filter((path) =>
      /^(?!node_modules\/)[^/]+\/[^/]+$/.test(path),
    );
    expect(workspaces.length).toBeGreaterThan(5);
    expect(workspaces.filter((path) => isKeptOut(`${path}/package.json`))).toEqual([]);
    expect(['package.json', 'package-lock.json'].filter(isKeptOut)).toEqual([]);
    expect(dockerfile).toMatch(/find \. -name package\.json -exec cp --parents/);
  });

  test('nothing secret or heavy goes to the engine', () => {
    const others = [
      '.env',
      '.env.local',
      'libs/saga/.env',
      '.git/config',
      'node_modules/x/index.js',
    ];
    const tests = ['libs/saga/test/x.test.ts', 'apps/cli/node_modules/x/index.js'];
    const testkit = ['libs/testkit/src/index.ts', 'infra/local/src/main.ts', 'docs/errors.md'];
    const all = [...others, ...tests, ...testkit];
    expect(all.filter((path) => !isKeptOut(path))).toEqual([]);
  });

  test('the processes that compose starts are in the image', () => {
    const text = readFileSync(composeFile, 'utf8');
    const scripts = [...text.matchAll(/\b((?:apps|infra)\/[\w/.-]+\.m?[jt]s)\b/g)].map(
      ([, path]) => path!,
    );
    expect(scripts.length).toBeGreaterThanOrEqual(5);
    for (const script of scripts) {
      expect(existsSync(join(root, script))).toBe(true);
      expect(script.startsWith('apps/') || dockerfile.includes(`COPY ${script} `)).toBe(true);
    }
  });
});
