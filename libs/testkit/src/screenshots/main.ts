import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchBrowser, openTab } from '../browser/index.ts';
import { readOptions, runCommand, write } from '../command.ts';
import startTestServers from '../global-setup.ts';
import stopTestServers from '../global-teardown.ts';
import { startSystem } from '../system.ts';
import { playScene, type Scene } from './scene.ts';

/** `npm run screenshots`: the pictures of the console in docs/images, from a system of its own. */
const folder = fileURLToPath(new URL('../../../../docs/images', import.meta.url));

const pictures = [
  { name: 'overview', path: () => '/', scheme: 'light', width: 1200, height: 960 },
  {
    name: 'saga',
    path: ({ stuckId }: Scene) => `/sagas/${stuckId}`,
    scheme: 'dark',
    width: 1200,
    height: 900,
  },
  { name: 'sagas', path: () => '/sagas', scheme: 'light', width: 1200, height: 640 },
  { name: 'nodes', path: () => '/nodes', scheme: 'dark', width: 1200, height: 680 },
  { name: 'phone', path: () => '/', scheme: 'light', width: 390, height: 844 },
] as const;

await runCommand({
  usage: 'npm run screenshots',
  parseOptions: (args) => readOptions(args, []),
  run: takePictures,
});

async function takePictures(): Promise<number> {
  const browser = await launchBrowser();
  await startTestServers();
  try {
    await using system = await startSystem({ env: { STEP_ATTEMPTS: '3', STUCK_AFTER: '3' } });
    const scene = await playScene(system, write);
    await mkdir(folder, { recursive: true });
    for (const { name, path, scheme, width, height } of pictures) {
      const viewport = { width, height };
      await using tab = await openTab(browser, system.orchestratorUrl, {
        viewport,
        colorScheme: scheme,
        timezoneId: 'UTC',
        locale: 'en-GB',
      });
      await tab.page.goto(path(scene));
      await tab.page.getByText('Live', { exact: true }).waitFor();
      await tab.page.getByText('Asking the nodes').waitFor({ state: 'hidden' });
      await tab.page.screenshot({ path: `${folder}/console-${name}.png` });
      write(`docs/images/console-${name}.png`);
    }
    return 0;
  } finally {
    await stopTestServers();
    await browser.close();
  }
}
