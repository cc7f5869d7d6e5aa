import { parseArgs } from 'node:util';
import { contenders } from './contenders.ts';

export interface Options {
  /** Sagas of a contender whose share is 1. */
  sagas: number;
  rounds: number;
  /** Names of the contenders, in the order in which they run. */
  only: string[];
  /** RANDOM_BEHAVIOR of the node API. */
  errors: number;
  /** Sagas in flight at once, of every contender; default: each its own. */
  inFlight?: number;
  /** Milliseconds before each answer of a node, where a contender is delayed. */
  delayMs: number;
  /** The result on stdout as JSON, and nothing else. */
  json: boolean;
  /** Our processes write CPU profiles. */
  profile: boolean;
  /** Exit 1 where a target is missed. */
  targets: boolean;
  /** Too few sagas to say anything about speed: only whether the work is right. */
  smoke: boolean;
  /** No sagas at all: what an idle system costs. */
  idle: boolean;
  /** Offers three times what is sustainable, for so many seconds. */
  overload?: number;
  /** So many sagas in one run: is the last one as fast as the first? */
  scale?: number;
}

/** What a person typed wrong: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const smokeContenders = ['loop', 'bulk', 'single', 'bulk-plain', 'delete'];
const smokeSagas = 200;

export const usage = `npm run bench [-- options]

  --n N          sagas of each contender (default 100000; slow ones make a share of it, shown in the table)
  --rounds N     rounds; the contenders take turns in each (default 2)
  --only a,b     these contenders only; a round begins with loop where it is among them
  --errors P     the node API fails each call with probability P; every contender retries (default 0)
  --in-flight N  every contender has so many sagas (of bulk, chunks) in flight at once (default: each its own)
  --delay MS     of delayed and delayed-two: milliseconds before each answer of a node (default 20)
  --json         the result as JSON on stdout
  --profile      our processes write bench/results/*.cpuprofile
  --targets      exit 1 where a target of the table is missed
  --smoke        ${smokeContenders.join(', ')} with ${smokeSagas} sagas, one round: that they are right, not how fast
  --overload     three times the sustainable rate for --seconds N (default 30): what is refused, that nothing accepted is lost,
                 that memory stays flat and that it drains; exit 1 where it is not so
  --scale N      N sagas in one run: the rate of the last 100,000 against that of the first, and each process's memory;
                 exit 1 below 0.9 or from 300 MB
  --idle         no sagas: what each process of an idle system costs; exit 1 where that is 1 % of a core

contenders: ${contenders.map(({ name }) => name).join(', ')}`;

/** Undefined when help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const known = contenders.map(({ name }) => name);
  const asked = values.only?.split(',') ?? (values.smoke ? smokeContenders : known);
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--only ${unknown.join(',')}: the contenders are ${known.join(', ')}`);
  return {
    sagas: wholeNumber('--n', values.n ?? (values.smoke ? String(smokeSagas) : '100000')),
    rounds: wholeNumber('--rounds', values.rounds ?? (values.smoke ? '1' : '2')),
    only: known.filter((name) => asked.includes(name)),
    errors: probability('--errors', values.errors ?? '0'),
    delayMs: wholeNumber('--delay', values.delay ?? '20'),
    json: values.json,
    profile: values.profile,
    targets: values.targets,
    smoke: values.smoke,
    idle: values.idle,
    ...(values['in-flight'] === undefined
      ? {}
      : { inFlight: wholeNumber('--in-flight', values['in-flight']) }),
    ...(values.overload ? { overload: wholeNumber('--seconds', values.seconds ?? '30') } : {}),
    ...(values.scale === undefined ? {} : { scale: wholeNumber('--scale', values.scale) }),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        n: { type: 'string' },
        rounds: { type: 'string' },
        only: { type: 'string' },
        errors: { type: 'string' },
        'in-flight': { type: 'string' },
        delay: { type: 'string' },
        json: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        targets: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        overload: { type: 'boolean', default: false },
        seconds: { type: 'string' },
        scale: { type: 'string' },
        idle: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${reason} (--help shows the options)`);
  }
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`${option} ${text}: must be a whole number from 1`);
  return value;
}

function probability(option: string, text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value < 1))
    throw new UsageError(`${option} ${text}: must be a probability, from 0 to less than 1`);
  return value;
}
