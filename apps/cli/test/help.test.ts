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
});
