import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SagaView } from '@reliable-ops/contracts';
import { connect } from '@reliable-ops/database';
import {
  clientOf,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '@reliable-ops/testkit';
import {
  findBarriers,
  findSmallTargets,
  launchBrowser,
  measureOverhang,
  openTab,
  screens,
} from '@reliable-ops/testkit/browser';
import type { Browser, Page } from 'playwright-core';
import { spawnOrchestrator } from '../process.ts';
import { describeInBrowser } from './browser.ts';

describeInBrowser('the console in a browser', () => {
  let system: System;
  let client: SystemClient;
  let browser: Browser;
  beforeAll(async () => {
    system = await startSystem({ env: { STEP_ATTEMPTS: '2', STUCK_AFTER: '2' } });
    client = clientOf(system);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await system[Symbol.asyncDispose]();
  });

  const open = (options = {}) => openTab(browser, system.orchestratorUrl, options);
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${system.orchestratorUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<Record<string, unknown>>;
  };
  const start = async (groupId: string, saga = 'create-group'): Promise<string> => {
    const { id } = await send('POST', '/v1/sagas', { saga, input: { groupId } });
    return String(id);
  };
  const untilSaga = (id: string, isSo: (view: SagaView) => boolean): Promise<unknown> =>
    waitFor(`saga ${id}`, async () => isSo(await client.show(id)));
  const ended = async (groupId: string): Promise<string> => {
    const id = await start(groupId);
    await untilSaga(id, ({ endedAt }) => endedAt !== null);
    return id;
  };
  const stuck = async (groupId: string): Promise<string> => {
    await client.setFaults('node03', { down: true });
    const id = await start(groupId);
    await untilSaga(id, (view) => view.stuck);
    return id;
  };
  const isVisible = (page: Page, text: string | RegExp): Promise<void> =>
    page.getByText(text).first().waitFor();

  /** Looks that nobody has told it to make come after seconds: a page without them sees only what it is told. */
  const lookOnlyWhenTold = (page: Page): Promise<unknown> =>
    page.addInitScript(
      'const own = setTimeout; globalThis.setTimeout = (work, ms, ...rest) => ms >= 4000 ? 0 : own(work, ms, ...rest);',
    );

  test('a saga appears on the overview by itself, and what one is at stays where it is', async () => {
    await using tab = await open({ viewport: { width: 1000, height: 400 } });
    const { page, complaints } = tab;
    await lookOnlyWhenTold(page);
    const first = await ended('before');
    await page.goto('/');
    await isVisible(page, 'Live');
    await isVisible(page, 'The nodes agree');
    await page.locator(`#saga-${first} a`).focus();
    expect(await page.evaluate<number>('scrollY')).toBeGreaterThan(0);
    await page.evaluate('globalThis.isSamePage = true');
    const id = await ended('while-watching');
    await page.locator(`#saga-${id}`).getByText('completed').waitFor();
    expect(await page.evaluate("document.activeElement.closest('tr').id")).toBe(`saga-${first}`);
    expect(await page.evaluate('scrollY')).toBeGreaterThan(0);
    expect(await page.evaluate('globalThis.isSamePage')).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('the charts are drawn, and named for those who do not see them', async () => {
    await ended('in the chart');
    await using tab = await open();
    const { page, complaints } = tab;
    await page.goto('/');
    await page.locator('#plot-rate[aria-label*="completed at most"] canvas').waitFor();
    const isPainted = `[...document.querySelectorAll('.plot canvas')].map((canvas) =>
      canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((one) => one !== 0))`;
    expect(await page.evaluate(isPainted)).toEqual([true, true]);
    const names = await page.locator('.plot .u-legend th').allInnerTexts();
    expect(names.map((name) => name.trim()).filter((name) => name !== 'Time')).toEqual([
      'completed',
      'taken back',
      'p50',
      'p99',
    ]);
    expect(complaints).toEqual([]);
  });

  test('a saga is cancelled by its button, after one has been told what will happen', async () => {
    await send('POST', '/v1/participants/node02/pause', { by: 'test' });
    const id = await start('to-cancel');
    await untilSaga(
      id,
      ({ steps }) => steps.filter(({ state }) => state === 'applied').length === 2,
    );
    await using tab = await open();
    const { page, complaints } = tab;
    await lookOnlyWhenTold(page);
    await page.goto(`/sagas/${id}`);
    await page.getByRole('link', { name: 'Cancel ...' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel this saga?' });
    await dialog
      .getByText('node01 and node03 are applied already and will be taken back.')
      .waitFor();
    expect((await client.show(id)).status).toBe('running');
    await dialog.getByLabel('Your name').fill('Ada <b>');
    await dialog.getByLabel('Why').fill('wrong group');
    await dialog.getByRole('button', { name: 'Cancel this saga' }).click();
    await page.getByRole('status').getByText('Cancelled, or on its way to it.').waitFor();
    await isVisible(page, /by Ada <b>: wrong group/);
    await send('POST', '/v1/participants/node02/resume', {});
    // Told by the stream, not asked for again.
    await page.locator('.facts').getByText('cancelled').waitFor();
    expect((await client.show(id)).status).toBe('cancelled');
    expect(complaints).toEqual([]);
  });

  test('what somebody else does to a saga is seen on its page', async () => {
    await send('POST', '/v1/participants/node02/pause', {});
    const id = await start('of-another');
    await untilSaga(id, ({ status }) => status === 'running');
    await using tab = await open();
    const { page, complaints } = tab;
    await lookOnlyWhenTold(page);
    await page.goto(`/sagas/${id}`);
    await isVisible(page, 'Live');
    await send('POST', `/v1/sagas/${id}/cancel`, { by: 'somebody else' });
    await page.locator('.facts').getByText('compensating').waitFor();
    await isVisible(page, /by somebody else/);
    await send('POST', '/v1/participants/node02/resume', {});
    await page.locator('.facts').getByText('cancelled').waitFor();
    // Nothing more will change, and nobody listens.
    await page.getByText('Live', { exact: true }).waitFor({ state: 'hidden' });
    expect(complaints).toEqual([]);
  });

  test('by keyboard alone: to a saga, into the question, back, and through it', async () => {
    await send('POST', '/v1/participants/node01/pause', {});
    const id = await start('by-keyboard');
    await untilSaga(id, ({ status }) => status === 'running');
    await using tab = await open();
    const { page, complaints } = tab;
    const press = (...keys: string[]): Promise<void> =>
      keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    const focused = (): Promise<string> =>
      page.evaluate('document.activeElement.innerText ?? document.activeElement.id');
    const tabTo = (text: string): Promise<true> =>
      waitFor(
        `focus on "${text}"`,
        async () => {
          await press('Tab');
          return (await focused()) === text;
        },
        { everyMs: 0 },
      );
    await page.goto('/');
    await press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await tabTo('Sagas');
    await press('Enter');
    await page.waitForURL('**/sagas');
    await tabTo(id);
    await press('Enter');
    await page.waitForURL(`**/sagas/${id}`);
    await tabTo('Cancel ...');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await focused()).toBe('Cancel ...');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo('Cancel this saga');
    await press('Enter');
    await page.getByRole('status').getByText('Cancelled').waitFor();
    await send('POST', '/v1/participants/node01/resume', {});
    await untilSaga(id, ({ status }) => status === 'cancelled');
    expect(complaints).toEqual([]);
  });

  test('a slider, moved by a key, makes a fault; it follows what others set, and one button ends it', async () => {
    await using tab = await open();
    const { page, complaints } = tab;
    const faults = async () =>
      (await send('GET', '/v1/faults'))['node01'] as Record<string, unknown>;
    await page.goto('/nodes');
    const slider = page.locator('#node01').getByLabel('Lost reply');
    await slider.focus();
    await page.keyboard.press('End');
    await waitFor('the fault', async () => (await faults())['lostReply'] === 1);
    await page.locator('#node01-lostReply-value').getByText('100 %').waitFor();
    await client.setFaults('node01', { lostReply: 0.25 });
    await page.locator('#node01-lostReply-value').getByText('25 %').waitFor();
    expect(await slider.inputValue()).toBe('25');
    expect(await page.evaluate('document.activeElement.id')).toBe('node01-lostReply');
    await page.locator('#node01').getByRole('button', { name: 'No faults' }).click();
    await waitFor('no fault', async () => (await faults())['lostReply'] === 0);
    expect(complaints).toEqual([]);
  });

  test('a node is paused and resumed from its page', async () => {
    await using tab = await open();
    const { page, complaints } = tab;
    await page.goto('/nodes');
    await page.locator('#node02').getByRole('link', { name: 'Pause ...' }).click();
    await page.getByRole('dialog').getByLabel('Why').fill('new disk');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause node02' }).click();
    await page.locator('#node02').getByText(': new disk').waitFor();
    const { participants } = await send('GET', '/v1/participants');
    expect(participants).toMatchObject([{ paused: null }, { paused: { note: 'new disk' } }, {}]);
    await page.locator('#node02').getByRole('link', { name: 'Resume ...' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume node02' }).click();
    await page.getByRole('status').getByText('Resumed.').waitFor();
    await page.locator('#node02').getByText('open', { exact: true }).waitFor();
    expect(complaints).toEqual([]);
  });

  test('without a script everything can be seen and done', async () => {
    await send('POST', '/v1/participants/node01/pause', {});
    const id = await start('no-script');
    await untilSaga(id, ({ status }) => status === 'running');
    await using tab = await open({ javaScriptEnabled: false });
    const { page } = tab;
    await page.goto(`/sagas/${id}`);
    await page.getByRole('link', { name: 'Cancel ...' }).click();
    await page.waitForURL(`**/sagas/${id}/cancel`);
    await page.getByRole('button', { name: 'Cancel this saga' }).click();
    await page.waitForURL(`**/sagas/${id}?said=cancel`);
    await page.goto('/nodes');
    await page.locator('#node01').getByLabel('Delay').fill('10');
    await page.locator('#node01').getByRole('button', { name: 'Apply' }).click();
    await isVisible(page, 'The faults are in force.');
    await page.locator('#node01').getByRole('button', { name: 'No faults' }).click();
    await page.waitForURL('**/nodes?said=faults#node01');
    await send('POST', '/v1/participants/node01/resume', {});
    await untilSaga(id, ({ status }) => status === 'cancelled');
  });

  test('from a job on Bull Board to its saga, and from the saga to its jobs', async () => {
    const id = await ended('on-the-board');
    await using tab = await open();
    const { page, complaints } = tab;
    await page.goto(`/sagas/${id}`);
    await page.getByRole('link', { name: 'Its jobs on the queues' }).click();
    await page.locator('tr', { hasText: 'stages' }).getByRole('link').click();
    await page.waitForURL('**/queues/queue/stages/*');
    const [sagas] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Its sagas' }).click(),
    ]);
    await sagas.getByRole('heading', { name: 'group:on-the-board' }).waitFor();
    expect(new URL(sagas.url()).pathname).toBe(`/sagas/${id}`);
    expect(complaints).toEqual([]);
  });

  test('where tokens are set one signs in, follows what happens, and signs out', async () => {
    await using guarded = spawnOrchestrator({
      DATABASE_URL: system.databaseUrl,
      REDIS_URL: system.redis.url,
      NODE_API_URL: system.nodeApiUrl,
      API_TOKENS: 'open-sesame',
    });
    await using tab = await openTab(browser, await guarded.listening());
    const { page, complaints } = tab;
    await page.goto('/sagas?status=completed');
    expect(await findBarriers(page)).toEqual([]);
    await page.keyboard.type('open-sesam');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This token is not known.').waitFor();
    expect(complaints.splice(0).every((line) => line.includes('401'))).toBe(true);
    await page.getByLabel('Token').fill('open-sesame');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/sagas?status=completed');
    await isVisible(page, 'Live');
    const id = await ended('seen-by-session');
    await page.locator(`#saga-${id}`).waitFor();
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/login');
    await page.goto('/nodes');
    await page.waitForURL('**/login?to=%2Fnodes');
    expect(complaints).toEqual([]);
  });

  test('a connection that breaks is shown, and comes back; what happened meanwhile is read then', async () => {
    await client.setFaults('node01', { delayMs: 3_000 });
    await using tab = await open();
    const { page } = tab;
    await lookOnlyWhenTold(page);
    await page.goto('/sagas'); // which never asks by itself
    await isVisible(page, 'Live');
    const id = await start('during-the-break');
    await page.locator(`#saga-${id}`).getByText('running').waitFor();
    await system.orchestrator.kill('SIGKILL');
    await isVisible(page, 'Connection lost, trying again');
    // A worker goes on without it, and nobody tells of that.
    const sql = connect(system.databaseUrl, { applicationName: 'break', max: 1 });
    await waitFor('its end', async () => {
      const [saga] = await sql`select 1 from saga.sagas where id = ${id} and status = 'completed'`;
      return saga !== undefined;
    });
    await sql.end();
    await page.locator(`#saga-${id}`).getByText('running').waitFor();
    await system.orchestrator.start();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator(`#saga-${id}`).getByText('completed').waitFor();
    await client.setFaults('node01', {});
    const next = await ended('after-the-break');
    await page.locator(`#saga-${next}`).waitFor();
  });

  describe('each page, with sagas that are stuck', () => {
    let pages: [string, string][];
    beforeAll(async () => {
      const done = await ended('done');
      const id = await stuck('stuck');
      const [job] = await waitFor('a job', async () => {
        const text = await (await fetch(`${system.orchestratorUrl}/sagas/${done}/jobs`)).text();
        return /\/queues\/queue\/stages\/([\w-]+)/.exec(text)?.slice(1);
      });
      pages = [
        ['overview', '/'],
        ['sagas', '/sagas'],
        ['none that fit', '/sagas?key=nothing'],
        ['stuck saga', `/sagas/${id}`],
        ['completed saga', `/sagas/${done}`],
        ['question', `/sagas/${id}/resolve`],
        ['no question', `/sagas/${done}/cancel`],
        ['jobs', `/sagas/${done}/jobs`],
        ['nodes', '/nodes'],
        ['pause', '/nodes/node01/pause'],
        ['not there', '/sagas/999999'],
        ['job', `/jobs/stages/${job}`],
      ];
    });
    afterAll(() => client.setFaults('node03', {}));

    const isList = new Set(['overview', 'sagas', 'none that fit']);
    test.each(screens)(
      "complains of nothing, fits, and stands in nobody's way: %s",
      async (_name, screen) => {
        await using tab = await open(screen);
        const { page, complaints } = tab;
        for (const [name, path] of pages) {
          await page.goto(path);
          const expected = name === 'not there' ? complaints.splice(0) : [];
          expect(expected.every((line) => line.includes('404'))).toBe(true);
          expect({ name, barriers: await findBarriers(page) }).toEqual({ name, barriers: [] });
          expect({ name, small: await findSmallTargets(page) }).toEqual({ name, small: [] });
          expect({ name, tooWide: await measureOverhang(page) }).toEqual({ name, tooWide: 0 });
          // The list of sagas is read without scrolling sideways, its words in full.
          const hidden = await page.evaluate(
            "[...document.querySelectorAll('#sagas')].map((list) => list.scrollWidth - list.clientWidth)",
          );
          expect({ name, hidden }).toEqual({ name, hidden: isList.has(name) ? [0] : [] });
        }
        expect(complaints).toEqual([]);
      },
    );

    test('in the question of a dialog as well', async () => {
      await using tab = await open();
      const { page, complaints } = tab;
      await page.goto(pages.find(([name]) => name === 'stuck saga')![1]);
      await page.getByRole('link', { name: 'Resolve ...' }).click();
      await page.getByRole('dialog').getByText('nobody will try any more').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await page.getByRole('dialog').getByRole('button').click();
      // The browser itself asks for the note.
      expect(await page.evaluate('document.activeElement.id')).toBe('note');
      await page.keyboard.type('cleaned up by hand');
      await page.keyboard.press('Enter');
      await page.getByText('Resolved.').waitFor();
      expect(complaints).toEqual([]);
    });
  });
});
