import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSystem, type System } from '@reliable-ops/testkit';
import { commands } from '../src/commands/index.ts';
import { examples, nameOf } from './examples.ts';
import { FakeOrchestrator, problemOf } from './fake-orchestrator.ts';
import { runCli } from './run-cli.ts';

/** Ends when it is told to; these say so in their help. */
const isEndless = (argv: readonly string[]): boolean =>
  argv[0] === 'watch' || argv.includes('--watch');

/** `--json` in front of a `--`, behind which it would be an id. */
const withJson = (argv: readonly string[]): string[] => [argv[0]!, '--json', ...argv.slice(1)];

/** What is on stdout, a document a line; throws where anything else is. */
function readDocuments(stdout: string): unknown[] {
  const lines = stdout.split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line));
}

describe('--json, on a system that runs', () => {
  let system: System;
  /** What examples speak of and this system does not have, or has too much of. */
  const replacements: Record<string, string> = { '1..10000': '1..30' };

  beforeAll(async () => {
    system = await startSystem();
    // Examples name sagas up to 40.
    const { stdout } = await runCli(['create', '0..49', '--no-wait', '--json'], {
      url: system.orchestratorUrl,
    });
    const { batches } = JSON.parse(stdout) as { batches: string[] };
    replacements['0199c0de-0000-7000-8000-000000000000'] = batches[0]!;
  });
  afterAll(async () => system?.[Symbol.asyncDispose]());

  /** Where stdout may be, and how many looks of what does not end are waited for there. */
  const surroundings: { looks: number; isTTY: boolean; env: Record<string, string> }[] = [
    { looks: 2, isTTY: false, env: {} },
    { looks: 1, isTTY: true, env: {} },
    { looks: 1, isTTY: false, env: { FORCE_COLOR: '1' } },
    { looks: 1, isTTY: true, env: { NO_COLOR: '1' } },
  ];

  test.each(examples)('$line: one document on stdout, and nothing else', async (example) => {
    const argv = withJson(example.argv.map((word) => replacements[word] ?? word));
    for (const { looks, isTTY, env } of surroundings) {
      const ended = await runCli(argv, {
        url: system.orchestratorUrl,
        isTTY,
        env: { ...env, ...example.env, BROWSER: 'true' },
        until: (output) => isEndless(argv) && output.split('\n').length > looks,
      });
      const count = readDocuments(ended.stdout).length;
      expect({ ...ended, count }).toEqual({ ...ended, count: isEndless(argv) ? looks : 1 });
      expect([0, 1]).toContain(ended.exitCode);
      if (!isTTY) expect(ended.stderr).not.toContain('\u001b');
    }
  });
});

describe('--json, where it fails', () => {
  let fake: FakeOrchestrator;
  beforeAll(async () => {
    fake = await FakeOrchestrator.start();
  });
  afterAll(() => fake.stop());

  const replies = {
    'a token that is not known': { exitCode: 3, reply: { status: 401, text: '' } },
    'an orchestrator that is away': { exitCode: 3, reply: { status: 503, text: 'away' } },
    'something else that answers': { exitCode: 3, reply: { status: 200, text: '<html>' } },
    'a refusal': {
      exitCode: 1,
      reply: { status: 409, body: problemOf(409, { detail: 'not\nnow', code: 'CONFLICT' }) },
    },
    'input that is not taken': {
      exitCode: 2,
      reply: { status: 400, body: problemOf(400, { detail: 'no', code: 'INVALID_REQUEST' }) },
    },
    'a connection that is cut': { exitCode: 3, reply: 'lose' },
  } as const;
  const names = commands.map(({ usage }) => nameOf(usage));
  const exampleOf = (name: string): string[] =>
    withJson(examples.find((example) => example.name === name)!.argv);

  const expectError = (
    { stdout, stderr, exitCode }: Awaited<ReturnType<typeof runCli>>,
    expected: number,
  ): void => {
    expect({ stdout, exitCode, stderr }).toEqual({ stdout: '', exitCode: expected, stderr });
    expect(stderr).toMatch(/^(?!.*bug).*rops: [^\n]+\n$/s);
  };

  // `open` asks nobody.
  describe.each(names.filter((name) => name !== 'open'))('%s', (name) => {
    test.each(Object.entries(replies))(
      '%s: a line on stderr, nothing on stdout',
      async (_, { exitCode, reply }) => {
        fake.intercept = () => reply;
        expectError(await runCli(exampleOf(name), { url: fake.url, patienceMs: 0 }), exitCode);
      },
    );
  });

  test.each(names)('%s: what is typed wrong is a line on stderr as well', async (name) => {
    const wrong = [...exampleOf(name).slice(0, 2), '--frobnicate'];
    expectError(await runCli(wrong, { url: fake.url }), 2);
  });
});
