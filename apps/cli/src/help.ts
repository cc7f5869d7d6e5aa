import type { Command } from './context.ts';

const everywhere = [
  ['--json', 'Results as JSON on stdout: one document (watch: one a line)'],
  [
    '--url <url>',
    'The orchestrator (else ROPS_URL, else .local/stack.json, else http://127.0.0.1:3000)',
  ],
  ['--token <token>', 'What the orchestrator asks for (else ROPS_TOKEN)'],
  ['-h, --help', 'This, or the help of a command'],
] as const;

const exitCodeLines = [
  ['0', 'done: all completed'],
  ['1', 'not all completed, or refused'],
  ['2', 'typed wrong'],
  ['3', 'no orchestrator reached'],
  ['130', 'Ctrl-C'],
] as const;

export function formatHelp(version: string, commands: readonly Command[]): string {
  return [
    `rops ${version}: makes a change on every node of a cluster, or on none`,
    section('Usage', ['rops <command> [options]']),
    section('Commands', align(commands.map(({ usage, summary }) => [readable(usage), summary]))),
    section('Options', align([...everywhere, ['-v, --version', 'The version']])),
    section('Exit codes', align(exitCodeLines)),
    section('Examples', ['rops create 5 007 10..19', 'rops stats', 'rops create --help']),
  ].join('\n\n');
}

export function formatCommandHelp(command: Command): string {
  const { usage, summary, options = [], details = [], examples } = command;
  return [
    `${summary}${details.length === 0 ? '' : `\n\n${details.join('\n')}`}`,
    section('Usage', [`rops ${readable(usage)}`]),
    section('Options', align([...options, ...everywhere])),
    section('Examples', examples),
  ].join('\n\n');
}

/** cac writes `[...ids]` for what everybody else writes as `[ids...]`. */
export const readable = (usage: string): string => usage.replace(/\.\.\.(\w+)/, '$1...');

const section = (title: string, lines: readonly string[]): string =>
  `${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`;

function align(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
}
