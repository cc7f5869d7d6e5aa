import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { createTemporaryFolder } from '@reliable-ops/testkit';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));

/** In place of npm: installs a jest that says what it was given, as package-lock.json has it. */
const npm = `
const { cpSync, mkdirSync, writeFileSync } = require('fs');
if (process.env.NPM_FAILS) process.exit(7);
mkdirSync('node_modules/jest/bin', { recursive: true });
writeFileSync('node_modules/jest/bin/jest.js', 'console.log(process.argv.slice(2).join()); process.exit(Number(process.argv[2] || 0))');
if (!process.env.NPM_IS_KILLED) cpSync('package-lock.json', 'node_modules/.package-lock.json');
`;

async function createClone() {
  const home = await createTemporaryFolder('bootstrap');
  const script = join(home.path, 'infra', 'local', 'bootstrap.mjs');
  await mkdir(join(home.path, 'infra', 'local'), { recursive: true });
  await copyFile(join(checkout, 'infra', 'local', 'bootstrap.mjs'), script);
  await writeFile(join(home.path, 'npm.js'), npm);
  const lock = (version: string) =>
    writeFile(
      join(home.path, 'package-lock.json'),
      JSON.stringify({
        packages: {
          '': {},
          'node_modules/jest': { version, integrity: `sha512-${version}` },
        },
      }),
    );
  await lock('1.0.0');
  const run = (args: string[], env: Record<string, string> = {}) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [script, ...args],
        { env: { PATH: process.env['PATH'], npm_execpath: join(home.path, 'npm.js'), ...env } },
        (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
    });
  return { ...home, [Symbol.asyncDispose]: home[Symbol.asyncDispose], lock, run };
}

const installs = 'installing dependencies (npm ci) ...\n';

test('it installs what is missing, once, and again when the lockfile has changed', async () => {
  await using clone = await createClone();
  expect(await clone.run(['test'])).toEqual({ code: 0, stdout: '\n', stderr: installs });
  expect((await clone.run(['test'])).stderr).toBe('');
  await clone.lock('1.0.1');
  expect((await clone.run(['test'])).stderr).toBe(installs);
  expect((await clone.run(['test'])).stderr).toBe('');
  await rm(join(clone.path, 'node_modules'), { recursive: true });
  expect((await clone.run(['test'])).stderr).toBe(installs);
});

test('an install that was killed half-way is done again', async () => {
  await using clone = await createClone();
  await clone.run(['test'], { NPM_IS_KILLED: 'yes' });
  expect(existsSync(join(clone.path, 'node_modules'))).toBe(true);
  expect((await clone.run(['test'])).stderr).toBe(installs);
});

test('arguments and exit codes are passed on; nothing runs after a failed install', async () => {
  await using clone = await createClone();
  expect(await clone.run(['test'], { NPM_FAILS: 'yes' })).toEqual({
    code: 7,
    stdout: '',
    stderr: `${installs}npm ci failed, see above\n`,
  });
  expect(await clone.run(['test', '3', '--x'])).toMatchObject({ code: 3, stdout: '3,--x\n' });
  expect(await clone.run(['tset'])).toMatchObject({ code: 2, stdout: '' });
});

test("npm's signals reach it: no script of the package leaves a shell in between", async () => {
  const { scripts } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['start', 'demo', 'test', 'check', 'bench']) {
    expect(scripts[name]).toBe(`exec node infra/local/bootstrap.mjs ${name}`);
  }
});
