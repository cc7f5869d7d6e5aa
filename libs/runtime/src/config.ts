import { z } from 'zod';
import { durationMs } from './duration.ts';
import { hideUrlPasswords } from './secrets.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().min(1);
/** A fraction is allowed; a century is as good as for ever, and still a date. */
const days = z.coerce.number().positive().max(36_500);
const probability = z.coerce.number().min(0).max(1);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );

/** One participant: its name, and the protocol it speaks. */
const nodes = list.transform((parts, context) =>
  parts.map((part) => {
    const [name = '', protocol = 'fenced', ...rest] = part.split(':');
    if (!/^[a-z][a-z0-9]*$/.test(name) || rest.length > 0 || !isProtocol(protocol)) {
      context.issues.push({
        code: 'custom',
        input: part,
        message: `"${part}" must be a node's name, or name:fenced, or name:plain`,
      });
      return z.NEVER;
    }
    return { name, protocol };
  }),
);
export type Protocol = 'fenced' | 'plain';
const isProtocol = (text: string): text is Protocol => text === 'fenced' || text === 'plain';

/** Every variable that a process of ours reads. `.env.example` lists the same ones; a test holds the two together. */
export const variables = {
  DATABASE_URL: url('postgres:', 'postgresql:').default('postgres://rops:rops@127.0.0.1:5432/rops'),
  REDIS_URL: url('redis:', 'rediss:').default('redis://127.0.0.1:6379'),
  HOST: z.string().min(1).default('127.0.0.1'),
  ORCHESTRATOR_PORT: port.default(3000),
  API_TOKENS: list.default([]),
  ALLOWED_HOSTS: list.default([]),
  NODE_API_HOST: z.string().min(1).default('127.0.0.1'),
  NODE_API_PORT: port.default(8080),
  NODE_API_URL: url('http:', 'https:').default('http://127.0.0.1:8080'),
  NODES: nodes.default([
    { name: 'node01', protocol: 'fenced' },
    { name: 'node02', protocol: 'fenced' },
    { name: 'node03', protocol: 'fenced' },
  ]),
  RANDOM_BEHAVIOR: probability.default(0),
  CALL_TIMEOUT: durationMs.default(5_000),
  STEP_ATTEMPTS: count.default(15),
  SAGA_DEADLINE: durationMs.default(600_000),
  STUCK_AFTER: count.default(13),
  MAX_ACTIVE_SAGAS: count.default(100_000),
  WORKER_CONCURRENCY: count.default(50),
  JOB_LOCK: durationMs.default(8_000),
  RECOVERY_INTERVAL: durationMs.default(5_000),
  RETENTION_DAYS: days.default(30),
  TOMBSTONE_DAYS: days.default(7),
  MAINTENANCE_INTERVAL: durationMs.default(3_600_000),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http:', 'https:').optional(),
  OTEL_TRACES_SAMPLER_ARG: probability.default(1),
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  METRICS_PORT: port.default(9464),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty']).default('json'),
} as const;
export type Config = z.infer<z.ZodObject<typeof variables>>;

/** A mistake of the person who started the process: shown as its message alone, exit 1. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG';
}

/**
 * The configuration in `environment` (default: the process's own). An empty variable counts as unset.
 * Throws ConfigError with one line a bad variable.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(
    Object.keys(variables)
      .map((name) => [name, environment[name]] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = z.object(variables).safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}=${shown(name, environment[name])}: ${issue.message}`;
  });
  throw new ConfigError([...new Set(lines)].join('\n'));
}

/** The same for a process that cannot go on without: the lines of a ConfigError, exit 1. */
export function loadConfigOrExit(): Config {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Of a variable that is a secret, only that it is set. */
const secretNames: ReadonlySet<string> = new Set(['DATABASE_URL', 'REDIS_URL', 'API_TOKENS']);
const shown = (name: string, value = ''): string =>
  secretNames.has(name) ? '***' : hideUrlPasswords(value);
