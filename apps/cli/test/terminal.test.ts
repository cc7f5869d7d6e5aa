import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { argumentsOf } from '@reliable-ops/testkit';
import { FakeOrchestrator } from './fake-orchestrator.ts';
import { hasTmux, TerminalWindow, type WindowOptions } from './tmux.ts';

let fake: FakeOrchestrator;

beforeEach(async () => {
  fake = await FakeOrchestrator.start();
});
afterEach(() => fake.stop());

const open = (words: string[], options: WindowOptions = {}) =>
  TerminalWindow.open([process.execPath, ...argumentsOf('cli'), ...words], {
    ...options,
    env: { ROPS_URL: fake.url, NODE_OPTIONS: '', ...options.env },
  });
const countOf = (text: string, part: string): number => text.split(part).length - 1;
const ended = (text: string): boolean => text.includes('ended with');

if (!hasTmux) console.warn('no tmux on this machine: the terminal tests are skipped');

(hasTmux ? describe : describe.skip)('in a real terminal', () => {
  test('the bar is redrawn in its line, with counts, rate and time left, and the cursor comes back', async () => {
    let done = 1;
    fake.outcomeOf = (id) => (Number(id) <= done ? 'completed' : 'running');
    await using window = await open(['create', '1..10']);
    const first = await window.screen((text) => text.includes('1/10'));
    expect(first).toMatch(/creating █+░+ 1\/10 {2}1 completed, 9 running {2}\d+\/s {2}\w+ left/);
    expect(await window.hasCursor()).toBe(false);
    done = 6;
    const second = await window.screen((text) => text.includes('6/10'));
    expect(countOf(second, 'creating')).toBe(1);
    done = 10;
    const last = await window.screen(ended);
    expect(countOf(last, 'creating')).toBe(1);
    expect(last).toContain('10 completed in');
    expect(last).toContain('ended with 0');
    expect(await window.hasCursor()).toBe(true);
  });

  test('Ctrl-C ends with 130 and the way back, below the bar', async () => {
    fake.outcomeOf = () => 'running';
    await using window = await open(['create', '1..3']);
    await window.screen((text) => text.includes('0/3'));
    await window.press('C-c');
    const text = await window.screen(ended);
    expect(text).toContain('3 of 3 are accepted and go on; to come back: rops wait batch-1');
    expect(text).toContain('ended with 130');
    expect(await window.hasCursor()).toBe(true);
  });

  test('a window made narrow keeps the bar in one line', async () => {
    let done = 1;
    fake.outcomeOf = (id) => (Number(id) <= done ? 'completed' : 'running');
    await using window = await open(['create', '1..10'], { columns: 30 });
    await window.screen((text) => text.includes('1/10'));
    await window.resize(24);
    done = 7;
    const text = await window.screen((seen) => seen.includes('7/10'));
    expect(text.trim().split('\n')).toHaveLength(1);
    done = 8;
    await window.resize(46);
    const wider = await window.screen((seen) => /8\/10.* left/.test(seen));
    expect(wider).toMatch(/creating █+░+ 8\/10 {2}\d+\/s {2}\w+ left/);
  });

  test('what waits behind a stuck saga of its key is said above the bar', async () => {
    fake.outcomeOf = () => 'queued';
    const summary = { saga: 'create-group', version: 1, input: {}, error: null, key: 'group:1' };
    const times = { acceptedAt: '2026-11-25T08:00:00.000Z', startedAt: null, endedAt: null };
    fake.sagas = [
      { id: 'a', ...summary, ...times, status: 'compensating', stuck: true, batchId: null },
      { id: 'b', ...summary, ...times, status: 'queued', stuck: false, batchId: 'batch-1' },
    ];
    await using window = await open(['create', '1'], { columns: 160 });
    const text = await window.screen((seen) => seen.includes('behind a stuck saga'));
    expect(text).toContain('1 saga waits behind a stuck saga of the same key (group:1)');
    await window.press('C-c');
    expect(countOf(await window.screen(ended), 'creating')).toBe(1);
  });

  test('watch is redrawn in place, outlives an orchestrator that is away, and q ends it', async () => {
    await using window = await open(['watch']);
    await window.screen((text) => text.includes('4 queued, 3 running'));
    fake.intercept = () => ({ status: 503, text: 'away' });
    const away = await window.screen((text) => text.includes('not reachable, still trying'));
    expect(countOf(away, 'Ctrl-C ends')).toBe(1);
    fake.intercept = () => undefined;
    const back = await window.screen((text) => text.includes('outbox: 3 rows'));
    expect(countOf(back, 'Ctrl-C ends')).toBe(1);
    await window.press('q');
    expect(await window.screen(ended)).toContain('ended with 0');
  });

  test('watch in a window that is too low shows what fits, and leaves nothing behind', async () => {
    await using window = await open(['watch'], { columns: 100, rows: 3 });
    const low = await window.screen((text) => text.includes('4 queued, 3 running'));
    expect(low.trim().split('\n')).toHaveLength(2);
    fake.cluster = { consistent: true, nodes: { node01: 42, node02: 42, node03: 42 } };
    await window.screen((text) => text.includes('node01 42'));
    await window.resize(100);
    const high = await window.screen((text) => text.includes('Ctrl-C ends'));
    expect(countOf(high, 'node01')).toBe(1);
  });

  test('watch behind & goes on: it asks for no keys that are not its own', async () => {
    await using window = await open(['watch'], { inBackground: true });
    await window.screen((text) => text.includes('4 queued, 3 running'));
    fake.cluster = { consistent: true, nodes: { node01: 42, node02: 42, node03: 42 } };
    const text = await window.screen((seen) => seen.includes('node01 42'));
    expect(countOf(text, 'Ctrl-C ends')).toBe(1);
  });

  test('a table is as wide as the window, with wide characters too', async () => {
    const summary = { saga: 'create-group', version: 1, input: {}, batchId: null, stuck: false };
    const times = { acceptedAt: '2026-11-25T08:00:00.000Z', startedAt: null, endedAt: null };
    const key = `group:${'群組'.repeat(20)}`;
    fake.sagas = [
      { id: '12', ...summary, ...times, key, status: 'compensating', error: 'no '.repeat(40) },
    ];
    await using window = await open(['list'], { columns: 90 });
    const rows = (await window.screen(ended)).trim().split('\n');
    expect(rows).toHaveLength(3);
    expect(rows[1]).toContain('…');
  });

  test('colours come on a terminal, and not with NO_COLOR', async () => {
    await using colored = await open(['status']);
    expect(await colored.screen(ended, true)).toContain('\u001b[');
    await using plain = await open(['status'], { env: { NO_COLOR: '1' } });
    expect(await plain.screen(ended, true)).not.toContain('\u001b[');
  });
});
