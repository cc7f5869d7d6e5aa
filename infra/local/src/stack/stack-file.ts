import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StackFile } from '@reliable-ops/contracts';

/** `.local/stack.json`: what runs, for the CLI and for people. Its readers never see half of it. */
export interface StackFileWriter {
  write(processes: StackFile['processes']): void;
  remove(): void;
}

export function createStackFile(folder: string): StackFileWriter {
  const path = join(folder, 'stack.json');
  const draft = `${path}.new`;
  return {
    write(processes) {
      // The addresses carry a password: for this user's eyes only.
      writeFileSync(draft, `${JSON.stringify({ processes }, null, 2)}\n`, { mode: 0o600 });
      renameSync(draft, path);
    },
    remove() {
      rmSync(draft, { force: true });
      rmSync(path, { force: true });
    },
  };
}
