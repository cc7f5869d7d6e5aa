import type { Command } from './context.ts';
import type { Colors } from './text.ts';

const everywhere = [
  ['--json', 'Results as JSON on stdout: one document (watch: one a line); errors stay on stderr'],
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

/** Lines longer than this are hard to read, however wide the window is. */
const widestRoom = 100;
const narrowestRoom = 30;
/** With less room than this beside its name, a text goes below it. */
const narrowestText = 24;

/** Where help is shown. `room`: columns of the terminal, Infinity where it is none; text is broken between words, examples never. */
interface Page {
  room: number;
  colors: Pick<Colors, 'bold'>;
}

export function formatHelp(version: string, commands: readonly Command[], page: Page): string {
  const section = sectionsOf(page);
  return [
    wrapWords(
      `rops ${version}: makes a change on every node of a cluster, or on none`,
      roomOf(page),
    ).join('\n'),
    section('Usage', ['rops <command> [options]']),
    section(
      'Commands',
      align(
        commands.map(({ usage, summary }) => [readable(usage), summary]),
        page,
      ),
    ),
    section('Options', align([...everywhere, ['-v, --version', 'The version']], page)),
    section('Exit codes', align(exitCodeLines, page)),
    section('Examples', ['rops create 5 007 10..19', 'rops stats', 'rops create --help']),
  ].join('\n\n');
}

export function formatCommandHelp(command: Command, page: Page): string {
  const { usage, summary, options = [], details = [], examples } = command;
  const section = sectionsOf(page);
  const paragraphs = details.flatMap((text) => wrapWords(text, roomOf(page)));
  return [
    wrapWords(summary, roomOf(page)).join('\n'),
    ...(paragraphs.length === 0 ? [] : [paragraphs.join('\n')]),
    section('Usage', [`rops ${readable(usage)}`]),
    section('Options', align([...options, ...everywhere], page)),
    section('Examples', examples),
  ].join('\n\n');
}

/** cac writes `[...ids]` for what everybody else writes as `[ids...]`. */
export const readable = (usage: string): string => usage.replace(/\.\.\.(\w+)/, '$1...');

const roomOf = ({ room }: Page): number =>
  room === Infinity ? room : Math.max(narrowestRoom, Math.min(room, widestRoom));

const sectionsOf =
  ({ colors }: Page) =>
  (title: string, lines: readonly string[]): string =>
    `${colors.bold(`${title}:`)}\n${lines.map((line) => `  ${line}`).join('\n')}`;

function align(rows: readonly (readonly [string, string])[], page: Page): string[] {
  const nameWidth = Math.max(...rows.map(([name]) => name.length)) + 2;
  const room = roomOf(page) - 2; // of a section's indent
  const isBelow = room - nameWidth < narrowestText;
  const indent = ' '.repeat(isBelow ? 4 : nameWidth);
  return rows.flatMap(([name, text]) => {
    const [first = '', ...rest] = wrapWords(text, room - indent.length);
    const lines = rest.map((line) => indent + line);
    return isBelow ? [name, indent + first, ...lines] : [name.padEnd(nameWidth) + first, ...lines];
  });
}

/** `text` in lines of at most `room` characters, broken at blanks; a word that is longer stays whole. */
function wrapWords(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
