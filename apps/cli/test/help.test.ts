import { describe, expect, test } from '@jest/globals';
import { commands } from '../src/commands/index.ts';
import { runCli } from './run-cli.ts';

/** Words as a shell cuts them; an assignment in front goes to the environment. */
function cutLine(line: string): { env: Record<string, string>; argv: string[] } {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  const program = words.indexOf('rops');
  return {
    env: Object.fromEntries(words.slice(0, program).map((word) => word.split('='))),
    argv: words.slice(program + 1),
  };
}

const examples = commands.flatMap(({ usage, examples: lines }) =>
  lines.map((line) => ({ line, name: usage.split(' ')[0]! })),
);

describe('help', () => {
  test.each(examples)('$line: is taken by the command that shows it', async ({ line, name }) => {
    const { env, argv } = cutLine(line);
    expect(argv[0]).toBe(name);
    // Nobody listens there: what is typed right fails for that alone.
    const ended = await runCli(argv, {
      url: 'http://127.0.0.1:9',
      env: { ...env, BROWSER: 'true' },
      patienceMs: 0,
    });
    expect(ended.stderr).not.toContain('this is a bug');
    expect(ended.exitCode).toBe(name === 'open' ? 0 : 3);
  });

  test.each(commands.map(({ usage }) => usage.split(' ')[0]!))(
    '%s: has examples, and says its exit codes',
    async (name) => {
      const { exitCode, stdout } = await runCli([name, '--help']);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/Examples:\n {2}rops /);
      if (name !== 'list') expect(stdout).toMatch(/exit 0/i);
    },
  );
});
