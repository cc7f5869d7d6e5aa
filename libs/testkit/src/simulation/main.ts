import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { simulateMany } from './run-many.ts';
import { loadEngine, simulateRange } from './run-range.ts';
import { simulateSeed } from './simulate.ts';
import { missedIn, type Tally } from './tally.ts';

const usage = `usage: npm run simulate -- [--seeds N] [--from N] [--jobs N] [--json]   simulate N seeds (10000) from seed N (1)
       npm run simulate -- --seed N                                    replay one seed, every step`;

/** Steps shown of a run that breaks a promise. */
const shownSteps = 60;

process.exitCode = await main();

async function main(): Promise<number> {
  let options;
  try {
    options = parseOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}\n`);
    return 2;
  }
  const { seed, from, seeds, jobs, json, engineUrl } = options;
  if (seed !== undefined) return replay(seed, engineUrl, Infinity);

  const startedAt = performance.now();
  const perMinute = ({ seeds: done }: Tally): number =>
    Math.round((done / (performance.now() - startedAt)) * 60_000);
  const tally =
    jobs === 1
      ? await simulateRange(await loadEngine(engineUrl), { from, seeds })
      : await simulateMany({
          from,
          seeds,
          jobs,
          engineUrl,
          onProgress(soFar) {
            if (!json && process.stderr.isTTY)
              process.stderr.write(
                `\r${soFar.seeds} of ${seeds} seeds, ${perMinute(soFar)} a minute `,
              );
          },
        });
  if (!json && process.stderr.isTTY) process.stderr.write('\n');
  const missed = missedIn(tally);
  if (json) process.stdout.write(`${JSON.stringify({ ...tally, missed })}\n`);
  else report(tally, perMinute(tally), jobs);
  if (tally.broken) return json ? 1 : replay(tally.broken.seed, engineUrl, shownSteps);
  for (const what of missed)
    process.stdout.write(`it never happened: ${what}. A simulation without it proves too little\n`);
  if (missed.length > 0) return 1;
  if (!json) process.stdout.write('no promise was broken\n');
  return 0;
}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '10000' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'boolean', default: false },
      // For the broken twins: the index of a mutated engine.
      engine: { type: 'string' },
    },
  });
  const numberOf = (name: string, text: string): number => {
    if (!/^\d{1,10}$/.test(text) || Number(text) < 1)
      throw new Error(`--${name} must be a whole number from 1, not "${text}"`);
    return Number(text);
  };
  return {
    seed: values.seed === undefined ? undefined : numberOf('seed', values.seed),
    seeds: numberOf('seeds', values.seeds),
    from: numberOf('from', values.from),
    jobs: numberOf('jobs', values.jobs),
    json: values.json,
    engineUrl: values.engine,
  };
}

/** Runs one seed again and shows its steps; `most` of them where something is broken. */
async function replay(seed: number, engineUrl: string | undefined, most: number): Promise<number> {
  const { trace, violation } = await simulateSeed(await loadEngine(engineUrl), seed, {
    traces: true,
  });
  const shown = trace.slice(-most);
  if (shown.length < trace.length)
    process.stdout.write(`the last ${shown.length} of ${trace.length} steps of seed ${seed}:\n`);
  process.stdout.write(`${shown.join('\n')}\n`);
  if (!violation) {
    process.stdout.write(`seed ${seed} breaks no promise\n`);
    return 0;
  }
  process.stdout.write(`seed ${seed} breaks ${violation.promise}: ${violation.what}\n`);
  process.stdout.write(`all of it: npm run simulate -- --seed ${seed}\n`);
  return 1;
}

function report({ seeds, steps, cpuMs, counts }: Tally, perMinute: number, jobs: number): void {
  const number = (value: number): string => value.toLocaleString('en');
  const lines = Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, n]) => `  ${number(n).padStart(12)}  ${what}`);
  process.stdout.write(`${lines.join('\n')}
${number(seeds)} seeds, ${number(steps)} steps: ${number(perMinute)} seeds a minute on ${jobs} processes, ${(cpuMs / seeds).toFixed(1)} ms of CPU a seed
`);
}
