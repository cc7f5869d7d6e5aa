import { commands } from '../src/commands/index.ts';

/** A line of help as a shell cuts it. */
interface Example {
  line: string;
  /** The command that shows it. */
  name: string;
  /** The assignments in front. */
  env: Record<string, string>;
  argv: string[];
}

export const nameOf = (usage: string): string => usage.split(' ')[0]!;

/** What the help of every command shows, in the order of help. */
export const examples: readonly Example[] = commands.flatMap(({ usage, examples: lines }) =>
  lines.map((line) => ({ line, name: nameOf(usage), ...cutLine(line) })),
);

function cutLine(line: string): Pick<Example, 'env' | 'argv'> {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  const program = words.indexOf('rops');
  return {
    env: Object.fromEntries(words.slice(0, program).map((word) => word.split('='))),
    argv: words.slice(program + 1),
  };
}
