import { cpus, loadavg } from 'node:os';
import { contenders } from './contenders.ts';
import { startEnvironment } from './environment.ts';
import type { Options } from './options.ts';
import { statementsLibrary } from './profile.ts';
import { summarise, type Report } from './report.ts';
import { writeResult } from './result.ts';
import { formatTable } from './table.ts';
import { formatTargets, judge } from './targets.ts';
import { takeTurn, type Turn } from './turn.ts';

/** Runs the rounds and shows what came out; answers the exit code. A contender that does wrong work fails the run. */
export async function runBench(options: Options): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const chosen = contenders
    .filter(({ name }) => options.only.includes(name))
    .map((contender) => ({ ...contender, inFlight: options.inFlight ?? contender.inFlight }));
  const turns: Turn[][] = [];
  const loads: number[] = [];
  await using environment = await startEnvironment({
    say,
    preload: options.profile ? statementsLibrary : undefined,
  });
  for (let round = 1; round <= options.rounds; round++) {
    const taken: Turn[] = [];
    turns.push(taken);
    for (const contender of chosen) {
      const sagas = Math.max(20, Math.round(options.sagas * contender.share));
      const turn = await takeTurn(environment, contender, { ...options, sagas }).catch(
        (cause: unknown) => {
          throw new Error(`round ${round}, ${contender.name} failed`, { cause });
        },
      );
      taken.push(turn);
      loads.push(loadavg()[0]!);
      say(
        `round ${round}/${options.rounds}: ${contender.name.padEnd(16)} ${turn.sagasPerSecond.toFixed(0).padStart(6)} sagas/s`,
      );
    }
  }
  const report: Report = {
    at: new Date().toISOString(),
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    errors: options.errors,
    /** Of the machine, one minute, while it ran: it is part of the measuring. */
    load: Math.max(...loads),
    contenders: summarise(chosen, turns),
    turns,
  };
  if (options.smoke) {
    say(`${chosen.length} contenders: after each, every node held exactly the ids it should`);
    return 0;
  }
  const file = await writeResult(report);
  // The targets are those of the contenders as they are.
  const verdicts = options.inFlight === undefined ? judge(report) : [];
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${formatTable(report)}\n${formatTargets(verdicts)}\n`);
  say(`written to ${file}`);
  return options.targets && verdicts.some(({ met }) => !met) ? 1 : 0;
}
