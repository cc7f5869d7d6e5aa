import { describe, expect, test } from '@jest/globals';
import { commands } from '../src/commands/index.ts';
import { examples, nameOf } from './examples.ts';
import { runCli } from './run-cli.ts';

describe('help', () => {
  test.each(examples)(
    '$line: is taken by the command that shows it',
    async ({ name, env, argv }) => {
      expect(argv[0]).toBe(name);
      // Nobody listens there: what is typed right fails for that alone.
      const ended = await runCli(argv, {
        url: 'http://127.0.0.1:9',
        env: { ...env, BROWSER: 'true' },
        patienceMs: 0,
      });
      expect(ended.stderr).not.toContain('this is a bug');
      expect(ended.exitCode).toBe(name === 'open' ? 0 : 3);
    },
  );

  test.each(commands.map(({ usage }) => nameOf(usage)))(
    '%s: has examples, and says its exit codes',
    async (name) => {
      const { exitCode, stdout } = await runCli([name, '--help']);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/Examples:\n {2}rops /);
      if (name !== 'list') expect(stdout).toMatch(/exit 0/i);
    },
  );

  // What is meant to be copied is never broken.
  const isCopied = (line: string): boolean => /^ {2}(\w+=\S+ )?rops /.test(line);

  test.each(['', ...commands.map(({ usage }) => nameOf(usage))])(
    '%s: is as wide as the window, its text broken between words alone',
    async (name) => {
      const env = { NO_COLOR: '1' };
      const helpIn = async (columns: number): Promise<string> =>
        (await runCli([name, '--help'].filter(Boolean), { isTTY: true, columns, env })).stdout;
      const wide = await helpIn(100);
      for (const columns of [40, 60, 80, 300]) {
        const text = await helpIn(columns);
        expect(text.split(/\s+/)).toEqual(wide.split(/\s+/));
        for (const line of text.split('\n').filter((each) => !isCopied(each)))
          expect(line.length).toBeLessThanOrEqual(Math.min(columns, 100));
      }
    },
  );

  test('has bold titles on a terminal, and not with NO_COLOR', async () => {
    expect((await runCli(['--help'], { isTTY: true })).stdout).toContain('\u001b[1mUsage:');
    const plain = await runCli(['--help'], { isTTY: true, env: { NO_COLOR: '1' } });
    expect(plain.stdout + (await runCli(['--help'])).stdout).not.toContain('\u001b');
  });
});
