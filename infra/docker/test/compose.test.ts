import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const composeFile = join(root, 'docker-compose.yml');

/** The compose there is, v2 first; `config` of either needs no engine. */
const compose = [['docker', 'compose'], ['docker-compose']].find(
  ([command, ...rest]) => spawnSync(command!, [...rest, 'version']).status === 0,
);
if (!compose) console.warn('compose.test.ts: no docker compose found, so its tests are skipped');
const testWithCompose = compose ? test : test.skip;

interface Service {
  command?: string[];
  container_name?: string;
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string | number>;
  healthcheck?: unknown;
  image: string;
  init?: boolean;
  ports?: unknown[];
  profiles?: string[];
  read_only?: boolean;
  restart?: string;
  user?: string;
}
interface Project {
  services: Record<string, Service>;
}

const secrets = { POSTGRES_PASSWORD: 'pw', ROPS_TOKEN: 'secret' };
const oneShots = ['cli', 'migrate'];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rops-compose-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What `compose config` makes of our file under a .env with these variables, and none from this process. */
function readConfig(variables: Record<string, string>): {
  status: number | null;
  errors: string;
  project(): Project;
} {
  const envFile = join(folder, '.env');
  writeFileSync(
    envFile,
    Object.entries(variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const [command, ...rest] = compose!;
  const { status, stdout, stderr } = spawnSync(
    command!,
    [...rest, '-f', composeFile, '--env-file', envFile, '--profile', 'cli', 'config'],
    { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: folder } },
  );
  return { status, errors: stderr, project: () => parse(stdout) as Project };
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
      expect(errors).toContain('set it in .env');
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

  testWithCompose('whoever serves a port is asked whether it is well', () => {
    const services = readServices();
    expect(namesOf(services, ({ healthcheck }) => healthcheck !== undefined)).toEqual([
      'node-api',
      'orchestrator',
      'postgres',
      'redis',
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

describe('Dockerfile', () => {
  const dockerfile = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8');

  test('npm finds every workspace that the lock file names', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { link?: boolean }>;
    };
    const workspaces = Object.keys(lock.packages).filter((path) =>
      /^(apps|libs|infra)\/[^/]+$/.test(path),
    );
    expect(workspaces.length).toBeGreaterThan(5);
    const copied = [...dockerfile.matchAll(/^COPY (\S+)\/package\.json \1\/$/gm)].map(
      ([, path]) => path,
    );
    expect(copied).toEqual(workspaces.sort());
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
