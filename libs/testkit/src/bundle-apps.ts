import { readFile, symlink } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const apps = ['node-api', 'orchestrator', 'worker', 'cli'];

/** What a source reads beside itself stays where it is. */
const keepAddresses: Plugin = {
  name: 'keep-addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\/(?:apps|libs)\/[^/]+\/src\/.*\.tsx?$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: path.endsWith('x') ? 'tsx' : 'ts',
    }));
  },
};

/**
 * Each process's main file and all that it imports as one, in `folder`: tests start hundreds of them, and a thousand files,
 * each found, read and stripped of its types, are a second of computing.
 */
export async function bundleApps(folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: apps.map((app) => ({ in: `apps/${app}/src/main.ts`, out: app })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // It looks for its binary from where it stands.
    external: ['msgpackr-extract'],
    // What CommonJS takes for granted.
    banner: {
      js: [
        `import { createRequire as requireFrom } from 'node:module';`,
        `const require = requireFrom(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`,
      ].join('\n'),
    },
    plugins: [keepAddresses],
    logLevel: 'warning',
  });
  await symlink(`${root}node_modules`, `${folder}/node_modules`);
}
