// The saga of docs/your-own-saga.md, which quotes each region of this file; your-own-saga.test.ts runs it.
import { randomUUID } from 'node:crypto';
import { connect, migrate } from '@reliable-ops/database';
import {
  checkRequest,
  createBullmqQueue,
  createEngine,
  createPostgresLog,
  createRecovery,
  createRegistry,
  defineSaga,
  each,
  startJobWorkers,
  type Command,
  type Outcome,
  type Participant,
  type Token,
} from '@reliable-ops/saga';
import { z } from 'zod';

// #region saga
const looked = z.object({ entry: z.string().nullable() });
const reserved = z.object({ price: z.number() });

/** Reserves a name in the directory, which says what it costs, and then charges a card for it. */
const openAccount = defineSaga({
  name: 'open-account',
  version: 1,
  input: z.strictObject({ name: z.string().min(1).max(64), card: z.string().min(1).max(64) }),
  key: ({ name }) => `account:${name}`,
  stages: [
    [
      {
        name: 'reserve',
        participant: 'directory',
        prepare: 'look',
        action: 'reserve',
        compensation: 'restore',
        data: ({ input: { name }, before }) => ({
          name,
          entry: before === undefined ? null : looked.parse(before).entry,
        }),
      },
    ],
    [
      {
        name: 'charge',
        participant: 'bank',
        action: 'charge',
        compensation: 'refund',
        data: ({ input: { name, card }, outputs }) => ({
          name,
          card,
          amount: reserved.parse(outputs['reserve']).price,
        }),
      },
    ],
  ],
  policy: { stepAttempts: 5, deadlineMs: 60_000 },
});
// #endregion

// #region fence
/** Keeps, of each record, the newest token and what came of it: repeated and late commands change nothing. */
function fenced(change: (kind: string, command: Command) => Outcome) {
  const records = new Map<string, { token: Token; outcome: Outcome }>();
  return (kind: string, command: Command): Outcome => {
    const { key, token } = command;
    const record = records.get(key);
    const age = record ? token[0] - record.token[0] || token[1] - record.token[1] : 1;
    if (record && age === 0) return record.outcome;
    if (age < 0) return { result: 'unknown', error: 'stale', broken: true };
    const outcome = change(kind, command);
    records.set(key, { token, outcome });
    return outcome;
  };
}
// #endregion

// #region directory
const nameData = z.object({ name: z.string(), entry: z.string().nullable() });

export function createDirectory(entries: Map<string, string>): Participant {
  const change = fenced((kind, { data, sagaId }) => {
    const { name, entry } = nameData.parse(data);
    const own = `saga ${sagaId}`;
    const current = entries.get(name) ?? null;
    if (kind === 'reserve') {
      if (current?.startsWith('saga ')) return { result: 'rejected', error: `${name} is taken` };
      entries.set(name, own);
      return { result: 'applied', output: { price: 1_000 / name.length } };
    }
    // restore: only what this saga has changed, to what `look` has seen.
    if (current === own && entry === null) entries.delete(name);
    if (current === own && entry !== null) entries.set(name, entry);
    return { result: 'applied' };
  });
  return each(async (kind, command) => {
    const { name } = nameData.parse(command.data);
    // Reads need no fence.
    if (kind === 'look') return { result: 'applied', output: { entry: entries.get(name) ?? null } };
    return change(kind, command);
  });
}
// #endregion

// #region bank
const chargeData = z.object({ name: z.string(), card: z.string(), amount: z.number() });

export function createBank(balances: Map<string, number>): Participant {
  const payments = new Map<number, number>();
  const change = fenced((kind, { data, sagaId }) => {
    const { card, amount } = chargeData.parse(data);
    const balance = balances.get(card) ?? 0;
    if (kind === 'charge') {
      if (balance < amount)
        return { result: 'rejected', error: `${card} does not cover ${amount}` };
      balances.set(card, balance - amount);
      payments.set(sagaId, amount);
    } else {
      // refund: nothing, where the charge never came.
      balances.set(card, balance + (payments.get(sagaId) ?? 0));
      payments.delete(sagaId);
    }
    return { result: 'applied' };
  });
  return each(async (kind, command) => change(kind, command));
}
// #endregion

// #region system
export interface SystemOptions {
  databaseUrl: string;
  redisUrl: string;
  participants: Record<string, Participant>;
}

export async function startSystem({ databaseUrl, redisUrl, participants }: SystemOptions) {
  await migrate(databaseUrl);
  const sql = connect(databaseUrl, { applicationName: 'accounts' });
  const onError = (error: unknown): void => console.warn(error);

  const registry = createRegistry([openAccount]);
  const log = createPostgresLog(sql);
  const queue = createBullmqQueue(redisUrl, registry.participants, onError);
  const engine = createEngine({ log, registry, queue, participants });
  const workers = startJobWorkers({
    redisUrl,
    participants: registry.participants,
    engine,
    concurrency: 10,
    lockMs: 10_000,
    onError,
    onFailed: onError,
  });
  // Publishes what the queue has lost, or never got.
  const intervalMs = 5_000;
  const recover = createRecovery({ log, queue, holder: randomUUID(), intervalMs });
  const recovery = setInterval(() => recover().catch(onError), intervalMs);

  return {
    log,
    queue,
    /** Answers the saga's id once it is committed. Throws InvalidRequestError. */
    async open(input: { name: string; card: string }): Promise<number> {
      const { sagaIds } = await engine.accept({
        batchId: randomUUID(),
        idempotency: null,
        sagas: [checkRequest(registry, 'open-account', input)],
      });
      return sagaIds[0]!;
    },
    async stop(): Promise<void> {
      clearInterval(recovery);
      await workers.stop(8_000);
      await engine.idle();
      await queue[Symbol.asyncDispose]();
      await sql.end();
    },
  };
}
// #endregion
