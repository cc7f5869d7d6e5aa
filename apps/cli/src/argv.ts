import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';
import { suggestName } from './suggest.ts';

/**
 * cac turns what looks like a number into one, also the argument after a boolean flag (`--json 007`
 * would become 7), loses empty arguments, and takes `-5` for an option even where it is an id. So the
 * line is cut by node:util first, and cac gets every value behind this character, flags last.
 */
const shield = '\u0001';

export const unshield = (text: string): string => text.replaceAll(shield, '');

/** Every option of every command; that it belongs to the command at hand is for cac to check. */
const options = {
  json: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  url: { type: 'string' },
  token: { type: 'string' },
  status: { type: 'string' },
  key: { type: 'string' },
  limit: { type: 'string' },
  stuck: { type: 'boolean' },
  'all-stuck': { type: 'boolean' },
  'per-second': { type: 'string' },
  by: { type: 'string' },
  note: { type: 'string' },
  error: { type: 'string' },
  'lost-reply': { type: 'string' },
  delay: { type: 'string' },
  reset: { type: 'string' },
  down: { type: 'boolean' },
  seed: { type: 'string' },
  clear: { type: 'boolean' },
  watch: { type: 'boolean' },
  apply: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  prefer: { type: 'string' },
} as const;
type OptionName = keyof typeof options;
const isOptionName = (name: string): name is OptionName => Object.hasOwn(options, name);

/**
 * The line as cac can read it without harm: the command, its arguments and values (shielded), flags.
 * Throws UsageError on an unknown option, a value that is missing, not wanted or given twice.
 */
export function shieldArguments(argv: readonly string[]): string[] {
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const given = new Map<OptionName, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!isOptionName(name)) {
      const typed = argv[token.index] ?? rawName;
      const meant = suggestName(name, Object.keys(options));
      const hint = meant === undefined ? '' : `, did you mean --${meant}?`;
      throw new UsageError(
        `unknown option ${typed}${hint} (an id that begins with a dash goes behind --: rops create -- ${typed})`,
      );
    }
    if (options[name].type === 'boolean') {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
      given.set(name, `--${name}`);
      continue;
    }
    if (!value || (!inlineValue && value.startsWith('-'))) {
      throw new UsageError(`${rawName} needs a value (one that begins with a dash: ${rawName}=-x)`);
    }
    if (given.has(name)) throw new UsageError(`${rawName} is given twice`);
    given.set(name, `--${name}=${shield}${value}`);
  }
  const [command, ...rest] = positionals;
  return [
    ...(command === undefined ? [] : [command === '' ? shield : command]),
    ...rest.map((argument) => shield + argument),
    ...given.values(),
  ];
}
