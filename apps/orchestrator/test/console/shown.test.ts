import { describe, expect, test } from '@jest/globals';
import type { AttemptView, SagaView } from '@reliable-ops/contracts';
import type { Sample } from '../../src/console/measures/sample.ts';
import type { NodeFacts } from '../../src/console/node-facts.ts';
import { Overview, type OverviewData } from '../../src/console/overview.tsx';
import { SagaDetails } from '../../src/console/saga-page.tsx';

/** What a reader sees of the element with this id, up to the next one that has an id. */
function textAt(page: string, id: string): string {
  const [, after] = page.split(` id="${id}"`);
  if (after === undefined) throw new Error(`nothing has the id ${id}`);
  const [own = ''] = after.split(' id="');
  return own
    .slice(own.indexOf('>') + 1)
    .replaceAll(/<[^>]*(>|$)/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

describe('the overview shows', () => {
  const now = 1_800_000_000_000;
  const minute = 60_000;
  const sample = (given: Partial<Sample>): Sample => ({
    at: now,
    seconds: 5,
    completed: 0,
    takenBack: 0,
    latenciesMs: [],
    attempts: {},
    active: null,
    ...given,
  });
  const node = (name: string, given: Partial<NodeFacts> = {}): NodeFacts => ({
    name,
    groups: 7,
    pause: undefined,
    jobs: { waiting: 1, active: 2, delayed: 3 },
    attemptsPerSecond: 12.34,
    failedShare: 0.125,
    ...given,
  });
  const shown = (given: Partial<OverviewData> = {}): string =>
    String(
      Overview({
        samples: [],
        active: { queued: 0, running: 0, compensating: 0, stuck: 0 },
        nodes: [node('node01'), node('node02'), node('node03')],
        consistent: true,
        newest: [],
        stuck: undefined,
        now,
        ...given,
      }),
    );

  test('how fast sagas end and how long they take, of the last minute', () => {
    const latenciesMs = Array.from({ length: 100 }, (_, index) => index + 1);
    const samples = [
      sample({ at: now - 2 * minute, completed: 9_999, latenciesMs: [60_000] }),
      sample({ at: now - 5_000, completed: 30, takenBack: 5, latenciesMs }),
      sample({ completed: 10, takenBack: 5 }),
    ];
    const page = shown({ samples });
    expect(textAt(page, 'tile-sagas-a-second')).toMatch(/^Sagas a second 5 /);
    expect(textAt(page, 'tile-latency-p50')).toMatch(/^Latency p50 51 ms /);
    expect(textAt(page, 'tile-latency-p99')).toMatch(/^Latency p99 100 ms /);
  });

  test('how many are active, queued and stuck; what is not known, as that', () => {
    const active = { queued: 3, running: 4_000, compensating: 21, stuck: 2 };
    const page = shown({ active });
    expect(textAt(page, 'tile-active')).toMatch(/^Active 4,021 21 of them compensating/);
    expect(textAt(page, 'tile-queued')).toMatch(/^Queued 3 /);
    expect(textAt(page, 'tile-stuck')).toMatch(/^Stuck ! 2 /);
    for (const tile of ['active', 'queued', 'stuck'])
      expect(textAt(shown({ active: undefined }), `tile-${tile}`)).toMatch(/^\w+ - /);
  });

  test('the nodes side by side: groups, calls a second, errors, paused or not', () => {
    const pause = { participant: 'node02', by: 'anna', note: null, pausedAt: now };
    const page = shown({
      nodes: [
        node('node01'),
        node('node02', { pause, failedShare: null }),
        node('node03', { groups: null, jobs: undefined }),
      ],
    });
    expect(textAt(page, 'node-node01-name')).toBe(
      'node01 open Groups 7 Calls a second 12.3 Errors 12.5 % Jobs 6',
    );
    expect(textAt(page, 'node-node02-name')).toMatch(/^node02 paused .* Errors - /);
    expect(textAt(page, 'node-node03-name')).toMatch(/^node03 not reachable Groups - .* Jobs -$/);
  });

  const nobody = { queued: 0, running: 0, compensating: 0, stuck: 0 };
  const away = [node('node01'), node('node02'), node('node03', { groups: null })];
  test.each<[string, Partial<OverviewData>, RegExp]>([
    ['good', { consistent: true }, /^The nodes agree/],
    ['bad', { consistent: false, active: nobody }, /^The nodes differ No saga is under way/],
    [
      'warn',
      { consistent: false, active: { ...nobody, queued: 1 } },
      /^The nodes differ Sagas are under way/,
    ],
    ['warn', { consistent: false, active: undefined }, /^The nodes differ Sagas are under way/],
    ['warn', { consistent: null, nodes: away }, /^Not known node03 cannot be reached/],
    ['', { consistent: undefined }, /^Asking the nodes/],
  ])('one sign whether the cluster agrees (%s)', (tone, given, words) => {
    const page = shown(given);
    expect(page.match(/id="sign"/g)).toHaveLength(1);
    expect(page).toContain(`class="sign${tone && ` ${tone}`}" id="sign"`);
    expect(textAt(page, 'sign')).toMatch(words);
  });

  test('a chart of at most the last 15 minutes: what ended, and how long it took', () => {
    const samples = [
      sample({ at: now - 14 * minute, completed: 50, latenciesMs: [100, 200] }),
      sample({ at: now - 5_000, takenBack: 10 }),
    ];
    const page = shown({ samples });
    const seriesOf = (id: string): number[][] =>
      JSON.parse(
        new RegExp(`id="plot-${id}"[^>]*data-series="([^"]+)"`).exec(page)![1]!,
      ) as number[][];
    const at = (ms: number): number => Math.round((now - ms) / 1_000);
    expect(seriesOf('rate')).toEqual([
      [at(14 * minute), at(14 * minute), at(5_000), at(0)],
      [null, 10, 0, null],
      [null, 0, 2, null],
    ]);
    expect(seriesOf('latency').slice(1)).toEqual([
      [null, 0.2, null, null],
      [null, 0.2, null, null],
    ]);
    const older = shown({ samples: [sample({ at: now - 60 * minute })] });
    expect(older).toContain(`[[${at(15 * minute)},`);
    expect(page).toContain(
      'Sagas that ended, a second: completed at most 10, taken back at most 2',
    );
  });
});

describe('the page of a saga shows', () => {
  const at = (ms: number): string => new Date(1_800_000_000_000 + ms).toISOString();
  const attempt = (given: Partial<AttemptView>): AttemptView => ({
    phase: 'action',
    number: 1,
    startedAt: at(0),
    endedAt: at(10),
    result: 'applied',
    detail: 'created',
    ...given,
  });
  const step = (name: string, given: Partial<SagaView['steps'][number]>) => ({
    name,
    participant: name,
    stage: 0,
    state: 'compensated' as const,
    attempts: 1,
    output: { created: true },
    lastError: null,
    log: [],
    ...given,
  });
  const view: SagaView = {
    id: '7',
    saga: 'create-group',
    version: 1,
    key: 'group:7',
    status: 'compensating',
    stuck: true,
    input: { groupId: '7' },
    batchId: null,
    error: 'node02: 404 said no',
    acceptedAt: at(-500),
    startedAt: at(0),
    endedAt: null,
    fence: 1,
    deadlineAt: at(600_000),
    steps: [
      step('node01', {
        log: [attempt({}), attempt({ phase: 'compensation', startedAt: at(30), endedAt: at(40) })],
      }),
      step('node02', {
        state: 'compensating',
        lastError: '500 out of order',
        log: [
          attempt({ result: 'rejected', detail: '404 said no' }),
          attempt({ phase: 'compensation', result: 'unknown', detail: '500 out of order' }),
        ],
      }),
    ],
    history: [{ at: at(50), verb: 'retry', by: 'anna', note: 'it is back' }],
  };
  const page = String(SagaDetails({ view, now: Date.parse(at(100)), said: null }));

  test('each attempt as a bar of its own kind on a time axis, with waits and what operators did', () => {
    const bars = [...page.matchAll(/<g class="bar ([^"]+)">/g)].map(([, kind]) => kind);
    expect(bars).toEqual([
      'action applied',
      'compensation applied',
      'action rejected',
      'compensation unknown',
    ]);
    expect(page).toContain('<title>compensation 1: unknown after 10 ms, 500 out of order</title>');
    expect(page).toContain('<title>waits 20 ms</title>');
    expect(page).toMatch(/class="wait open"[^>]*><title>next attempt waited for, 90 ms so far/);
    expect(page).toContain('queued 500 ms');
    expect(page.match(/<g class="act">/g)).toHaveLength(1);
  });

  test('the way it took through the states', () => {
    expect(page).toContain('Its way: queued, then running, then compensating');
    expect(page.match(/class="edge taken"/g)).toHaveLength(2);
    expect(page.match(/class="state on-way here"/g)).toHaveLength(1);
  });

  test('input, outcomes, errors, and what operators did', () => {
    expect(textAt(page, 'error')).toBe('It turned back: node02: 404 said no');
    expect(textAt(page, 'step-node01')).toBe('node01 compensated 1 {&quot;created&quot;:true}');
    expect(textAt(page, 'step-node02')).toMatch(/^node02 compensating 1 .* 500 out of order/);
    expect(textAt(page, 'input-heading')).toContain('&quot;groupId&quot;: &quot;7&quot;');
    expect(textAt(page, 'history-heading')).toMatch(/ retry by anna: it is back/);
  });

  test('the buttons that make sense for it, and no other', () => {
    expect([...page.matchAll(/id="verb-(\w+)"/g)].map(([, verb]) => verb)).toEqual([
      'retry',
      'resolve',
    ]);
  });
});
