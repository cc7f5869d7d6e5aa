import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { getRequestListener } from '@hono/node-server';
import {
  createClient,
  NotFoundError,
  RefusedError,
  UnauthorizedError,
  UnreachableError,
} from '@reliable-ops/client';
import type { ChangesEvent, SagaView } from '@reliable-ops/contracts';
import { willing } from './fixture.ts';
import { useApi } from './use-api.ts';

let server: Server;
let url: string;

async function listen(port = 0): Promise<void> {
  server = createServer(getRequestListener(api.app.fetch)).listen(port, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
async function stop(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
// Before the API goes.
afterAll(stop);
const { api } = useApi({ tokens: ['secret'] });
beforeAll(() => listen());

const clientOf = (token = 'secret', patienceMs = 20_000) =>
  createClient({ url, token }, { patienceMs });
const start = (groupId: string): Promise<string> =>
  clientOf().startSaga({ saga: 'create-group', input: { groupId } }, `key ${groupId}`);

test('a saga is started and followed to its end', async () => {
  const id = await start('followed');
  await using worker = api.work(willing);
  expect(worker).toBeDefined();
  const told: SagaView[] = [];
  for await (const view of clientOf().followSaga(id)) told.push(view);
  expect(told.at(-1)).toMatchObject({ id, status: 'completed' });
  expect(await clientOf().readSaga(id)).toEqual(told.at(-1));
  for await (const view of clientOf().followSaga(id)) expect(view).toEqual(told.at(-1));
});

test('a saga is followed over the loss of the connection, and of the orchestrator', async () => {
  const id = await start('lost');
  const { port } = server.address() as AddressInfo;
  let told = 0;
  let worker: AsyncDisposable | undefined;
  for await (const view of clientOf().followSaga(id)) {
    told++;
    if (view.status === 'running' && told === 1) {
      await stop();
      await listen(port);
      await clientOf().operate('cancel', { ids: [id] });
      worker = api.work(willing);
    }
    if (view.status === 'cancelled') break;
  }
  await worker?.[Symbol.asyncDispose]();
  expect(told).toBeGreaterThan(1);
});

test('changes are followed; whoever stops reading is gone', async () => {
  const events = clientOf().followChanges({ key: 'group:changes' });
  const first = (await events.next()).value as ChangesEvent;
  expect(first.sagas).toEqual([]);
  const id = await start('changes');
  for await (const { sagas } of events) if (sagas.some((saga) => saga.id === id)) break;
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

test('the signal ends a stream with its reason', async () => {
  const interrupt = new AbortController();
  const events = createClient(
    { url, token: 'secret' },
    { signal: interrupt.signal },
  ).followChanges();
  await events.next();
  const reason = new Error('enough');
  const next = events.next();
  interrupt.abort(reason);
  await expect(next).rejects.toBe(reason);
});

test('what fails is an error that says how', async () => {
  await expect(clientOf('wrong').readStatus()).rejects.toThrow(UnauthorizedError);
  await expect(clientOf('wrong').followChanges().next()).rejects.toThrow(UnauthorizedError);
  await expect(clientOf().readSaga('123456789')).rejects.toThrow(NotFoundError);
  await expect(clientOf().followSaga('123456789').next()).rejects.toThrow(NotFoundError);
  const refused = await clientOf()
    .startSaga({ saga: 'unheard-of', input: {} }, 'k')
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RefusedError);
  expect(refused).toMatchObject({ code: 'UNKNOWN_SAGA', status: 400, field: 'saga' });
  const nobody = createClient({ url: 'http://127.0.0.1:1' });
  await expect(nobody.readStatus()).rejects.toThrow(UnreachableError);
  await expect(nobody.followChanges().next()).rejects.toThrow(/^no orchestrator at/);
});
