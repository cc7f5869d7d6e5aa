import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { ChangedSaga, ChangesEvent, SagaStatus } from '@reliable-ops/contracts';
import { limits } from '@reliable-ops/contracts';
import { createChangeListener } from '../src/events/change-listener.ts';
import { ChangeSet, chooseSagas, noneByStatus } from '../src/events/change-set.ts';
import { answerEvents } from '../src/events/event-stream.ts';
import { until } from './fixture.ts';

const never = new AbortController().signal;
const sagaOf = (id: number, status: SagaStatus): ChangedSaga => ({
  id: String(id),
  saga: 'create-group',
  version: 1,
  key: `group:${id}`,
  status,
  stuck: false,
  batchId: null,
  error: null,
  acceptedAt: '',
  startedAt: null,
  endedAt: null,
});
const eventOf = (sagas: ChangedSaga[]): ChangesEvent => {
  const changed = noneByStatus();
  for (const { status } of sagas) changed[status]++;
  return { at: '', active: null, changed, sagas, left: 0 };
};

test('whoever is slow hears of each saga once, in its last state, and of no more than an event holds', async () => {
  const listener = createChangeListener({});
  for (let id = 1; id <= 1_000; id++) listener.offer(eventOf([sagaOf(id, 'running')]));
  for (let id = 1; id <= 999; id++) listener.offer(eventOf([sagaOf(id, 'completed')]));
  listener.offer(eventOf([sagaOf(1_000, 'compensated')]));
  const event = await listener.next(never);
  expect(event?.sagas).toHaveLength(limits.eventSagas);
  expect(event?.sagas.some(({ id, status }) => id === '1000' && status === 'compensated')).toBe(
    true,
  );
  expect(event?.changed).toMatchObject({ running: 1_000, completed: 999, compensated: 1 });
  expect(event!.left + event!.sagas.length).toBeGreaterThanOrEqual(1_000);
  listener.offer(eventOf([sagaOf(1, 'completed')]));
  expect((await listener.next(never))?.sagas).toHaveLength(1);
});

test('what is heard is kept once a saga, and past a bound only counted', () => {
  const heard = new ChangeSet();
  const ids = Array.from({ length: 50_000 }, (_, n) => n + 1);
  heard.add([{ status: 'running', stuck: false, ids }]);
  heard.add([{ status: 'completed', stuck: false, ids }]);
  heard.add([{ status: 'compensating', stuck: true, ids: [7] }]);
  const taken = heard.take();
  expect(taken.parts.flatMap((part) => part.ids)).toHaveLength(20_000);
  expect(taken.changed).toMatchObject({ compensating: 1, running: 30_000, completed: 49_999 });
  const all = chooseSagas(taken, undefined);
  expect(all.ids[0]).toBe(7);
  expect(all).toMatchObject({ left: 80_000 - limits.eventSagas });
  expect(all.ids).toHaveLength(limits.eventSagas);
  expect(chooseSagas(taken, 'compensating')).toEqual({ ids: [7], left: 0 });
  expect(heard.isEmpty).toBe(true);
});

test('a client that takes nothing is asked for nothing, and cut off in the end', async () => {
  const gone = new AbortController();
  let made = 0;
  let isOver = false;
  async function* events() {
    try {
      for (;;) yield { event: 'large', data: { made: ++made, text: 'x'.repeat(1_000_000) } };
    } finally {
      isOver = true;
    }
  }
  const onError = (): void => {};
  let outgoing: HttpBindings['outgoing'] | undefined;
  const server = createServer(
    getRequestListener((_, env) => {
      ({ outgoing } = env as HttpBindings);
      const cut = (): void => void outgoing?.destroy();
      return answerEvents({ events: events(), gone, cut, onError, stalledMs: 500 });
    }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1').on('error', () => {});
  try {
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await until(() => gone.signal.aborted && isOver);
    expect(made).toBeLessThan(50); // what the system's own buffers take
    // While it still takes nothing: what waits for it is let go.
    await until(() => outgoing?.destroyed === true);
    const closed = once(client, 'close');
    client.resume();
    await closed;
  } finally {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
