import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createTemporaryFolder, waitFor } from '@reliable-ops/testkit';
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
    await using folder = await createTemporaryFolder('browser');
    const browser = join(folder.path, 'browser');
    writeFileSync(browser, '#!/bin/sh\necho "$@" > "$0.part" && mv "$0.part" "$0.asked"\n');
    chmodSync(browser, 0o755);
    const { stdout } = await runCli(['open', '--json'], {
      url: 'http://127.0.0.1:9',
      env: { BROWSER: browser },
    });
    expect(JSON.parse(stdout)).toEqual({ url: 'http://127.0.0.1:9/', opened: true });
    await waitFor('the browser to be asked', async () => existsSync(`${browser}.asked`));
    expect(readFileSync(`${browser}.asked`, 'utf8')).toBe('http://127.0.0.1:9/\n');
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
