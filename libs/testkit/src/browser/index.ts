import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Where a Chromium is: CHROMIUM_PATH, or the first on PATH; undefined where there is none. */
export function findBrowser(): string | undefined {
  const given = process.env['CHROMIUM_PATH'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Throws where there is none. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined)
    throw new Error('no browser found: apt-get install chromium, or set CHROMIUM_PATH');
  // As root, and in containers, there is no sandbox to be had; the pages are our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Tab {
  page: Page;
  /** What the browser had to complain of: errors on its console, exceptions, requests to anybody else. */
  complaints: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A tab with nothing of another one's: cookies, storage. */
export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({ baseURL: url, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin)
      complaints.push(`asks for ${request.url()}`);
  });
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Screens on which each page has to serve: of a desk and of a phone, by day and by night. */
export const screens = (['light', 'dark'] as const).flatMap(
  (colorScheme): [string, BrowserContextOptions][] => [
    [`at a desk, ${colorScheme}`, { colorScheme, viewport: { width: 1280, height: 780 } }],
    [
      `on a phone, ${colorScheme}`,
      { colorScheme, viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true },
    ],
  ],
);

/** Pixels by which a page is wider than its screen. */
export const measureOverhang = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - visualViewport.width');

/** What a finger meets and would miss: controls less than 40 pixels high. None, where one points with a mouse. */
export const findSmallTargets = (page: Page): Promise<string[]> =>
  page.evaluate<string[]>(`!matchMedia('(pointer: coarse)').matches ? [] : [
      ...document.querySelectorAll('button, select, input:not([type=hidden], [type=checkbox]), .check label, .button, nav a, summary'),
    ].filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 40)
      .map((one) => one.outerHTML)`);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What is in the way of people who do not see or point (WCAG 2.2 AA, and axe's own advice): a line a fault. Axe itself leaves out the size of what one points at. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate<Violation[]>(
    `axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } })
      .then(({ violations }) => violations)`,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}
