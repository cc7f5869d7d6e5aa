import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '@reliable-ops/testkit';

const execute = promisify(execFile);

/** Whether this machine has tmux. */
export const hasTmux = spawnSync('tmux', ['-V']).status === 0;

export interface WindowOptions {
  columns?: number;
  rows?: number;
  env?: object;
  /** Behind `&`: the keys are the shell's. */
  inBackground?: boolean;
}

/** A window of a real terminal, with a server of its own. Ends with `close`. */
export class TerminalWindow implements AsyncDisposable {
  readonly #socket = join(tmpdir(), `rops-tmux-${randomUUID().slice(0, 8)}`);

  static async open(
    argv: string[],
    { columns = 100, rows = 20, env = {}, inBackground = false }: WindowOptions = {},
  ): Promise<TerminalWindow> {
    const window = new TerminalWindow();
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const quoted = ['env', ...settings, ...argv].map((word) => `'${word}'`).join(' ');
    // The shell outlives Ctrl-C, so that the pane does, and says how the command ended.
    const line = inBackground
      ? `set -m; ${quoted} & cat`
      : `trap : INT; ${quoted}; echo "ended with $?"; cat`;
    const size = ['-x', String(columns), '-y', String(rows)];
    await window.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, 'sh', '-c', line);
    return window;
  }

  /** What is on the screen, once `isThere` holds. */
  async screen(isThere: (text: string) => boolean, escapes = false): Promise<string> {
    let text = '';
    await waitFor(
      'the screen to show it',
      async () => {
        text = await this.#tmux('capture-pane', '-p', ...(escapes ? ['-e'] : []));
        return isThere(text);
      },
      { explain: () => text },
    );
    return text;
  }

  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key);
  }

  async resize(columns: number, rows = 20): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** Whether the cursor can be seen. */
  async hasCursor(): Promise<boolean> {
    return (await this.#tmux('display-message', '-p', '#{cursor_flag}')).trim() === '1';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server').catch(() => {});
    rmSync(this.#socket, { force: true });
  }

  async #tmux(...words: string[]): Promise<string> {
    return (await execute('tmux', ['-S', this.#socket, ...words])).stdout;
  }
}
