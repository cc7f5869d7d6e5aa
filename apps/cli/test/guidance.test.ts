import { describe, expect, test } from '@jest/globals';
import { runCli } from './run-cli.ts';

describe('typed wrong', () => {
  test.each([
    ['craete', 'did you mean rops create?'],
    ['stat', 'did you mean rops stats?'],
  ])('%s: says what was meant', async (typed, hint) => {
    const { exitCode, stderr } = await runCli([typed]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(hint);
  });

  test('what resembles nothing gets no guess', async () => {
    expect((await runCli(['xylophone'])).stderr).toBe(
      'rops: unknown command "xylophone": rops --help lists them all\n',
    );
  });

  test('an option says what was meant', async () => {
    expect((await runCli(['create', '--jsno'])).stderr).toContain('did you mean --json?');
  });
});

describe('open', () => {
  test.each([
    ['over ssh', { SSH_CONNECTION: 'x', DISPLAY: ':0' }],
    ['with a browser that is not there', { BROWSER: '/nowhere/browser' }],
  ])('%s: prints the address and exits 0', async (_, env) => {
    const { exitCode, stdout, stderr } = await runCli(['open'], { url: 'http://127.0.0.1:9', env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe('http://127.0.0.1:9/\n');
    expect(stderr).toContain('no browser was opened here');
  });

  test('starts the browser with the address', async () => {
    const { stdout } = await runCli(['open', '--json'], {
      url: 'http://127.0.0.1:9',
      env: { BROWSER: 'true' },
    });
    expect(JSON.parse(stdout)).toEqual({ url: 'http://127.0.0.1:9/', opened: true });
  });
});

describe('colours', () => {
  test.each([
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [{}, false],
  ])('on a pipe with %j: %s', async (env, isColored) => {
    const url = 'http://127.0.0.1:9';
    const { colorsFor } = await import('../src/text.ts');
    const { PassThrough } = await import('node:stream');
    const text = colorsFor(new PassThrough(), { ROPS_URL: url, ...env }).red('x');
    expect(text !== 'x').toBe(isColored);
  });
});
