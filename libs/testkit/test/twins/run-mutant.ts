import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Tally } from '../../src/simulation/tally.ts';
import type { Mutant } from './mutants.ts';
import type { Twin } from './twin-process.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** Inside the repository, so that imports of packages resolve. */
const folderOf = (name: string): string =>
  `${root}.local/mutants/${process.pid}-${name.replaceAll(/\W+/g, '-')}`;

/** Makes a mutant's folder: copies of the engine and of the simulation, with its mistake in them. */
async function makeMutant({ name, changes }: Mutant): Promise<string> {
  const folder = folderOf(name);
  await mkdir(folder, { recursive: true });
  await cp(`${root}libs/saga/src`, `${folder}/saga`, { recursive: true });
  await cp(`${root}libs/testkit/src/simulation`, `${folder}/simulation`, { recursive: true });
  for (const { file, from, to } of changes) {
    const source = await readFile(`${folder}/${file}`, 'utf8');
    const parts = source.split(from);
    if (parts.length !== 2)
      throw new Error(
        `mutant "${name}": in ${file} this stands ${parts.length - 1} times, not once: ${from}`,
      );
    await writeFile(`${folder}/${file}`, parts.join(to));
  }
  return folder;
}

/** Simulates mutants, each until a promise breaks or all seeds are through; dispose of it to end its process. */
export class TwinRunner implements Disposable {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('twin-process.ts', import.meta.url)), {
    cwd: root,
    execArgv: ['--import', 'tsx'],
  });

  async run(mutant: Mutant, seeds: number): Promise<Tally> {
    try {
      const folder = await makeMutant(mutant);
      const twin: Twin = {
        runRange: pathToFileURL(`${folder}/simulation/run-range.ts`).href,
        engine: pathToFileURL(`${folder}/saga/index.ts`).href,
        seeds,
      };
      this.#child.send(twin);
      const over = new AbortController();
      const died = once(this.#child, 'exit', over).then(([code]) => {
        throw new Error(`mutant "${mutant.name}": its process ended with ${code}`);
      });
      const [answer] = (await Promise.race([once(this.#child, 'message', over), died])) as [Tally];
      died.catch(() => {});
      over.abort();
      return answer;
    } finally {
      await rm(folderOf(mutant.name), { recursive: true, force: true });
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}
