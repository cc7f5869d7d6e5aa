import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  findBarriers,
  findSmallTargets,
  launchBrowser,
  measureOverhang,
  openTab,
  screens,
} from '@reliable-ops/testkit/browser';
import type { Browser, Page } from 'playwright-core';
import { operations } from '../../src/openapi/operations/index.ts';
import { spawnOrchestrator } from '../process.ts';
import { describeInBrowser } from './browser.ts';

describeInBrowser('/docs in a browser', () => {
  // It needs neither Postgres nor Redis: both are away.
  const nowhere = '127.0.0.1:1';
  let orchestrator: ReturnType<typeof spawnOrchestrator>;
  let browser: Browser;
  let url: string;
  beforeAll(async () => {
    orchestrator = spawnOrchestrator({
      DATABASE_URL: `postgres://${nowhere}/none`,
      REDIS_URL: `redis://${nowhere}`,
    });
    [url, browser] = await Promise.all([orchestrator.listening(), launchBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await orchestrator[Symbol.asyncDispose]();
  });

  const open = (options = {}) => openTab(browser, url, options);
  const openAll = (page: Page): Promise<unknown> =>
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
  const inside = (page: Page, id: string) => page.locator(`[id="${id}"]`);

  test.each(screens)(
    'every operation can be read, and nothing is in the way or missing: %s',
    async (_name, screen) => {
      await using tab = await open(screen);
      const { page, complaints } = tab;
      await page.goto('/docs');
      expect(await findBarriers(page)).toEqual([]);
      await openAll(page);
      for (const { id, summary } of operations) {
        await inside(page, id).getByText('curl ').waitFor();
        await page
          .locator('summary', { hasText: summary.replaceAll('`', '') })
          .first()
          .waitFor();
      }
      expect(await findBarriers(page)).toEqual([]);
      expect(await findSmallTargets(page)).toEqual([]);
      expect(await measureOverhang(page)).toBe(0);
      // What it loads, it has got: a sheet that the policy refused would style nothing.
      expect(await page.evaluate('document.styleSheets.length')).toBe(2);
      expect(complaints).toEqual([]);
    },
  );

  test('a link opens what it leads to: an operation from the contents, a schema from an operation, either by address', async () => {
    await using tab = await open({ javaScriptEnabled: false });
    const { page, complaints } = tab;
    await page.goto('/docs');
    await inside(page, 'readSaga').waitFor({ state: 'hidden' });
    await page
      .getByRole('navigation', { name: 'Operations' })
      .getByRole('link', { name: 'GET /v1/sagas/{id}', exact: true })
      .click();
    await inside(page, 'readSaga').waitFor();
    await inside(page, 'readSaga').getByRole('link', { name: 'SagaView' }).click();
    await inside(page, 'schema-SagaView').getByText('status: ').waitFor();
    await page.goto('/docs#setFaults');
    await inside(page, 'setFaults').waitFor();
    expect(complaints).toEqual([]);
  });

  test('by keyboard alone: past the top, to an operation, open and shut', async () => {
    await using tab = await open();
    const { page, complaints } = tab;
    await page.goto('/docs');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter'); // skip to the content
    await page.keyboard.press('Tab'); // openapi.json
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.innerText')).toContain('Start a saga');
    await page.keyboard.press('Enter');
    await inside(page, 'startSaga').waitFor();
    await page.keyboard.press('Space');
    await inside(page, 'startSaga').waitFor({ state: 'hidden' });
    expect(complaints).toEqual([]);
  });

  test('from the console to it, and back', async () => {
    await using tab = await open();
    const { page, complaints } = tab;
    await page.goto('/docs');
    await page.getByRole('link', { name: 'API', exact: true }).click();
    expect(new URL(page.url()).pathname).toBe('/docs');
    const rooms = page.getByRole('navigation', { name: 'Console' }).getByRole('link');
    expect(await rooms.allInnerTexts()).toEqual(['Overview', 'Sagas', 'Nodes', 'Queues', 'API']);
    expect(complaints).toEqual([]);
  });
});
