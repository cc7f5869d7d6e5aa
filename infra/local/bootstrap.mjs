// The way in for `npm run demo|start|test|check|chaos|fuzz|simulate|screenshots|bench`, on a clone where nothing is installed yet. It imports nothing of
// node_modules, and uses no syntax that an old Node could not read: it has to be able to say that it is too old.
import { spawn } from 'child_process';
import { readFileSync } from 'fs';
import { constants } from 'os';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = (path) => join(root, 'node_modules', path);

const commands = {
  demo: (args) => runAll([['--import', 'tsx', 'infra/local/src/main.ts', 'demo', ...args]]),
  start: (args) => runAll([['--import', 'tsx', 'infra/local/src/main.ts', 'start', ...args]]),
  fuzz: (args) => runAll([['--import', 'tsx', 'libs/testkit/src/fuzz/main.ts', ...args]]),
  chaos: (args) => runAll([['--import', 'tsx', 'libs/testkit/src/chaos/main.ts', ...args]]),
  screenshots: (args) =>
    runAll([['--import', 'tsx', 'libs/testkit/src/screenshots/main.ts', ...args]]),
  test: (args) =>
    runAll([['--experimental-vm-modules', '--no-warnings', bin('jest/bin/jest.js'), ...args]]),
  simulate: (args) => runAll([['--import', 'tsx', 'libs/testkit/src/simulation/main.ts', ...args]]),
  // All of them, also after one has failed: one run shows everything there is to mend.
  check: async () =>
    (await prepare(['bench'])) ||
    runAll([
      [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'],
      [bin('oxlint/bin/oxlint'), '--quiet'],
      [bin('typescript/bin/tsc'), '-p', '.'],
      // What the browser runs has other globals.
      [bin('typescript/bin/tsc'), '-p', 'apps/orchestrator/src/console/static'],
      [bin('typescript/bin/tsc'), '-p', 'bench'],
      // The peers are large, and only the whole bench needs them.
      ...(isInstalled('bench/peers') ? [[bin('typescript/bin/tsc'), '-p', 'bench/peers']] : []),
      [bin('knip/bin/knip.js')],
    ]),
  // Packages of their own, so that what we compare ourselves with is not installed with the product.
  bench: async (args) =>
    (await prepare(
      args.some((arg) => /^--(smoke|idle|overload|scale)\b/.test(arg))
        ? ['bench']
        : ['bench', 'bench/peers'],
    )) || runAll([['--import', 'tsx', 'bench/src/main.ts', ...args]]),
};

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);

async function main([name, ...args]) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(`reliable-ops needs Node 20.19 or newer; this is ${process.version}\n`);
    return 1;
  }
  const command = Object.prototype.hasOwnProperty.call(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(
      `usage: node infra/local/bootstrap.mjs ${Object.keys(commands).join('|')} [options]\n`,
    );
    return 2;
  }
  return (await prepare(['.'])) || command(args);
}

/** Installs what is missing of these packages (folders under the checkout); answers npm's exit code. */
async function prepare(packages) {
  for (const folder of packages) {
    if (isInstalled(folder)) continue;
    const where = folder === '.' ? '' : ` of ${folder}`;
    process.stderr.write(`installing dependencies${where} (npm ci) ...\n`);
    const code = await install(folder);
    if (code !== 0) {
      process.stderr.write('npm ci failed, see above\n');
      return code;
    }
  }
  return 0;
}

/**
 * Whether the folder's node_modules holds what its package-lock.json says. npm writes its own account of it
 * (node_modules/.package-lock.json) last of all, so a half install has none.
 */
function isInstalled(folder) {
  const wanted = readPackages(join(folder, 'package-lock.json'));
  const found = readPackages(join(folder, 'node_modules/.package-lock.json'));
  if (!wanted) throw new Error(`${join(folder, 'package-lock.json')} is missing or broken`);
  if (!found) return false;
  return Object.keys(wanted).every((path) => {
    if (path === '') return true;
    const entry = wanted[path];
    const installed = found[path];
    if (installed) {
      return installed.version === entry.version && installed.integrity === entry.integrity;
    }
    return (entry.optional || entry.devOptional) && !isForThisPlatform(entry);
  });
}

/** Of an optional package that is not there: should it be? (node_modules may come from another system.) */
function isForThisPlatform({ os, cpu, libc }) {
  if (!os || !cpu || libc) return false;
  return os.includes(process.platform) && cpu.includes(process.arch);
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install(folder) {
  // No install script of any package is needed (Postgres's symlinks are made at its start), so none runs.
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional'];
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  return npm && /\.c?js$/.test(npm)
    ? run(process.execPath, [npm, ...args, ...quiet], folder)
    : run('npm', [...args, ...quiet], folder);
}

/** Runs each with this Node; answers the exit code of the first that failed, else 0. */
async function runAll(all) {
  let result = 0;
  for (const args of all) {
    const code = await run(process.execPath, args);
    if (code > 128) return code; // interrupted
    result = result || code;
  }
  return result;
}

/**
 * In the foreground, with our terminal; signals are passed on (`exec` in package.json's scripts sees to it that npm's reach
 * us, and not a shell in between). Answers the exit code, 128 + n for signal n. The channel tells the child when we are
 * killed; whether npm was killed, we look.
 */
function run(command, args, folder = '.') {
  return new Promise((resolve, reject) => {
    const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
    const child = spawn(command, args, { cwd: join(root, folder), stdio });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const pass = (signal) => child.kill(signal);
    signals.forEach((signal) => process.on(signal, pass));
    const parent = process.ppid;
    const looking = setInterval(() => {
      if (process.env.npm_lifecycle_event && process.ppid !== parent) child.kill('SIGTERM');
    }, 1000);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearInterval(looking);
      signals.forEach((name) => process.removeListener(name, pass));
      resolve(signal ? 128 + constants.signals[signal] : code);
    });
  });
}
