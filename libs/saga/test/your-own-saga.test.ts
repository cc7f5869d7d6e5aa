import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createTestDatabase,
  startTestRedis,
  waitFor,
  type TestDatabase,
  type TestRedis,
} from '@reliable-ops/testkit';
import type { Command, Outcome, Participant, Saga } from '@reliable-ops/saga';
import { createBank, createDirectory, startSystem } from './open-account.ts';

const readFile = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('docs/your-own-saga.md quotes the code that these tests run, all of it and nothing else', () => {
  const regions = [
    ...readFile('open-account.ts').matchAll(/^\/\/ #region \w+\n(.*?)^\/\/ #endregion$/gms),
  ];
  const blocks = [...readFile('../../../docs/your-own-saga.md').matchAll(/^```ts\n(.*?)^```$/gms)];
  expect(regions.length).toBeGreaterThan(3);
  expect(blocks.map(([, code]) => code)).toEqual(regions.map(([, code]) => code));
});

describe('open-account', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let system: Awaited<ReturnType<typeof startSystem>>;
  let entries: Map<string, string>;
  let balances: Map<string, number>;
  /** What each participant was told, in order. */
  let told: { participant: string; kind: string; command: Command }[];
  /** Whether a participant's answer to this kind of command is lost on its way. */
  let losesReply: (kind: string) => boolean;

  const listening = (participant: string, own: Participant): Participant => ({
    async run(kind, commands): Promise<Outcome[]> {
      told.push(...commands.map((command) => ({ participant, kind, command })));
      const outcomes = await own.run(kind, commands);
      return losesReply(kind)
        ? outcomes.map(() => ({ result: 'unknown', error: 'no answer' }))
        : outcomes;
    },
  });
  let directory: Participant;

  beforeEach(async () => {
    [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
    entries = new Map([['old-shop', 'parked']]);
    balances = new Map([['gold', 1_000]]);
    told = [];
    losesReply = () => false;
    directory = createDirectory(entries);
    system = await startSystem({
      databaseUrl: database.url,
      redisUrl: redis.url,
      participants: {
        directory: listening('directory', directory),
        bank: listening('bank', createBank(balances)),
      },
    });
    await waitFor('the queue', () => system.queue.isConnected());
  });
  afterEach(async () => {
    await system.stop();
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function openAndWait(input: { name: string; card: string }): Promise<Saga> {
    const id = await system.open(input);
    await waitFor(`saga ${id} to end`, async () => (await system.log.endedOf([id])).length > 0);
    return (await system.log.getSagas([id]))[0]!;
  }
  const statesOf = ({ steps }: Saga): string[] =>
    steps.map(({ name, state }) => `${name} ${state}`);
  const kindsTold = (): string[] => told.map(({ kind }) => kind);

  test('both stages take effect, the second with what the first has said', async () => {
    const saga = await openAndWait({ name: 'old-shop', card: 'gold' });
    expect(saga.status).toBe('completed');
    expect(entries.get('old-shop')).toBe(`saga ${saga.id}`);
    expect(balances.get('gold')).toBe(875);
    expect(kindsTold()).toEqual(['look', 'reserve', 'charge']);
  });

  test('P1: a second stage that is rejected takes the first one back, to what was there before', async () => {
    const saga = await openAndWait({ name: 'old-shop', card: 'empty' });
    expect(saga.status).toBe('compensated');
    expect(saga.error).toBe('charge: empty does not cover 125');
    expect(statesOf(saga)).toEqual(['reserve compensated', 'charge failed']);
    expect(entries).toEqual(new Map([['old-shop', 'parked']]));
    expect(balances).toEqual(new Map([['gold', 1_000]]));
  });

  test('P1: a name that was not there is gone again', async () => {
    expect((await openAndWait({ name: 'new-shop', card: 'empty' })).status).toBe('compensated');
    expect([...entries.keys()]).toEqual(['old-shop']);
  });

  test('P3: a charge whose answers are lost is made once', async () => {
    losesReply = (kind) =>
      kind === 'charge' && kindsTold().filter((k) => k === 'charge').length < 3;
    const saga = await openAndWait({ name: 'old-shop', card: 'gold' });
    expect(saga.status).toBe('completed');
    expect(kindsTold().filter((kind) => kind === 'charge')).toHaveLength(3);
    expect(balances.get('gold')).toBe(875);
  });

  test('P1: a charge that nobody ever confirms is refunded', async () => {
    losesReply = (kind) => kind === 'charge';
    const saga = await openAndWait({ name: 'old-shop', card: 'gold' });
    expect(saga.status).toBe('compensated');
    expect(statesOf(saga)).toEqual(['reserve compensated', 'charge compensated']);
    expect(entries.get('old-shop')).toBe('parked');
    expect(balances.get('gold')).toBe(1_000);
  });

  test('P5: a reservation that arrives after it was taken back changes nothing', async () => {
    await openAndWait({ name: 'old-shop', card: 'empty' });
    const late = told.find(({ kind }) => kind === 'reserve')!.command;
    expect(await directory.run('reserve', [late])).toMatchObject([{ error: 'stale' }]);
    expect(entries.get('old-shop')).toBe('parked');
  });

  test('P4: of two sagas on one name the first accepted gets it', async () => {
    const [first, second] = await Promise.all([
      openAndWait({ name: 'old-shop', card: 'gold' }),
      openAndWait({ name: 'old-shop', card: 'gold' }),
    ]);
    const [earlier, later] = first.id < second.id ? [first, second] : [second, first];
    expect(earlier.status).toBe('completed');
    expect(later.error).toBe('reserve: old-shop is taken');
    expect(entries.get('old-shop')).toBe(`saga ${earlier.id}`);
    expect(balances.get('gold')).toBe(875);
  });

  test('what cannot be right is refused before anything is kept', async () => {
    await expect(system.open({ name: '', card: 'gold' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      field: 'input.name',
    });
    expect(await system.log.listSagas({ limit: 1 })).toEqual([]);
  });
});
