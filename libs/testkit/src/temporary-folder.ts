import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discardDataFolder, holdFolder, releaseFolder } from '@reliable-ops/local';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** A folder that goes when disposed of, or when this process dies without doing so. */
export async function createTemporaryFolder(purpose: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `rops-${purpose}-`));
  await chmod(path, 0o755); // Postgres may run under another account
  holdFolder(path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await discardDataFolder(join(path, 'postgres')); // it may be a symlink to elsewhere
      await rm(path, { recursive: true, force: true });
      releaseFolder(path);
    },
  };
}
