import { mkdir, writeFile } from 'node:fs/promises';

/** What the processes have printed, and what of it matters for the verdict. */
export interface Journal {
  write(process: string, line: string): void;
  /** Lines that say a promise is in danger. */
  alarms(): string[];
  /** How often each process ended by itself, by the reason it gave. */
  crashes(): Map<string, number>;
  /** The last lines of each process. */
  tails(lines: number): string;
  /** Writes a file a process into `folder`. */
  save(folder: string): Promise<void>;
}

/** The most that is kept of a process's output, in lines. */
const keptLines = 20_000;
const shownCharacters = 300;
const alarm = /broken invariant|BrokenInvariantError|a request failed/;
const crash = /unexpected error: this process ends/;

export function createJournal(): Journal {
  const kept = new Map<string, string[]>();
  const alarms: string[] = [];
  const crashes = new Map<string, number>();
  return {
    write(process, line) {
      const lines = kept.get(process) ?? [];
      kept.set(process, lines);
      lines.push(line);
      if (lines.length > keptLines) lines.splice(0, keptLines / 2);
      if (alarm.test(line)) alarms.push(`${process}: ${line}`);
      if (crash.test(line)) {
        const reason = `${process.replace(/-\d+$/, '')}: ${reasonOf(line)}`;
        crashes.set(reason, (crashes.get(reason) ?? 0) + 1);
      }
    },
    alarms: () => alarms,
    crashes: () => crashes,
    tails: (count) =>
      [...kept]
        .map(
          ([process, lines]) =>
            `--- ${process}\n${lines
              .slice(-count)
              .map((line) => line.slice(0, shownCharacters))
              .join('\n')}`,
        )
        .join('\n'),
    async save(folder) {
      await mkdir(folder, { recursive: true });
      for (const [process, lines] of kept)
        await writeFile(`${folder}/${process}.log`, `${lines.join('\n')}\n`);
    },
  };
}

function reasonOf(line: string): string {
  try {
    return (JSON.parse(line) as { err: { message: string } }).err.message;
  } catch {
    return line.slice(0, 200);
  }
}
