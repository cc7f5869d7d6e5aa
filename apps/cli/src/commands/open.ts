import { spawn } from 'node:child_process';
import type { Command, Context } from '../context.ts';
import { findEndpoint } from '../endpoint.ts';
import { exitCodes } from '../errors.ts';
import type { Io } from '../io.ts';

export const openCommand: Command = {
  usage: 'open',
  summary: 'Open the console in the browser',
  details: [
    'The address is printed, too. Over ssh, or where no browser is found, it is only printed: exit 0 all the same.',
    'BROWSER names another program than that of the system.',
  ],
  examples: ['rops open', 'rops open --json', 'BROWSER=firefox rops open'],
  async run(context) {
    const { url } = findEndpoint(context.options, context.io);
    const browser = chooseBrowser(context.io.env, process.platform);
    const opened = browser !== undefined && (await start(browser, url));
    printAddress(context, url, opened);
    return exitCodes.done;
  },
};

/** The program that opens an address, and its first arguments. Undefined: nobody sits in front of this machine. */
function chooseBrowser(env: Io['env'], platform: NodeJS.Platform): string[] | undefined {
  if (env['BROWSER']) return [env['BROWSER']];
  if (env['SSH_CONNECTION'] || env['SSH_TTY']) return undefined;
  if (platform === 'darwin') return ['open'];
  // `start` takes its first quoted argument for a title.
  if (platform === 'win32') return ['cmd', '/c', 'start', '""'];
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open'] : undefined;
}

/** Whether the program could be started; it outlives us. */
async function start([program = '', ...first]: string[], url: string): Promise<boolean> {
  const child = spawn(program, [...first, url], { detached: true, stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

function printAddress(
  { options, print, printDocument, note }: Context,
  url: string,
  opened: boolean,
): void {
  if (options.json) return printDocument({ url, opened });
  print(url);
  if (!opened) note('no browser was opened here: open that address in one');
}
