import { expect, test } from '@jest/globals';
import { create, problemOf, until } from './fixture.ts';
import { useApi } from './use-api.ts';

const { api } = useApi();

const jobsOf = async (queue: string) => {
  const { body } = await api.send('GET', `/queues/api/queues?activeQueue=${queue}&status=waiting`);
  return body.queues.find(({ name }: { name: string }) => name === queue).jobs;
};

test('Bull Board is served, with what its page loads', async () => {
  const page = await api.send('GET', '/queues');
  expect(page.status).toBe(200);
  const [, script] = /src="(static\/js\/main[^"]+)"/.exec(page.text) ?? [];
  const reply = await api.send('GET', `/queues/${script}`);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toMatch(/javascript/);
  expect((await api.send('GET', '/queues/')).headers.get('location')).toBe('/queues');
});

test('its jobs tell what they do to which saga', async () => {
  const { body } = await api.send('POST', '/v1/sagas', { body: create('board') });
  await until(async () => (await jobsOf('stages')).length > 0);
  const [job] = await jobsOf('stages');
  expect(job.name).toBe('create');
  expect(job.data).toMatchObject({
    entries: ['node01', 'node02', 'node03'].map((step) => ({ step, phase: 'action', attempt: 1 })),
    items: [[Number(body.id), 'group:board', expect.any(Number), { groupId: 'board' }]],
  });
});

test('no button of it changes anything', async () => {
  await until(async () => (await jobsOf('stages')).length > 0);
  const [job] = await jobsOf('stages');
  const queue = '/queues/api/queues/stages';
  const buttons = [
    ['PUT', `${queue}/pause`],
    ['PUT', `${queue}/resume`],
    ['PUT', `${queue}/empty`],
    ['PUT', `${queue}/obliterate`],
    ['PUT', `${queue}/promote`],
    ['PUT', `${queue}/clean/waiting`],
    ['PUT', `${queue}/retry/failed`],
    ['POST', `${queue}/add`],
    ['PUT', '/queues/api/queues/pause'],
    ['PUT', '/queues/api/queues/resume'],
    ['PUT', `${queue}/${job.id}/retry/failed`],
    ['PUT', `${queue}/${job.id}/clean`],
    ['PUT', `${queue}/${job.id}/promote`],
    ['PATCH', `${queue}/${job.id}/update-data`],
    ['DELETE', queue],
    ['PUT', '/queues'],
  ] as const;
  for (const [method, path] of buttons) {
    const reply = await api.send(method, path, { body: { name: 'x', data: {} } });
    expect([path, problemOf(reply).status]).toEqual([path, 405]);
    expect(reply.headers.get('allow')).toBe('GET, HEAD');
  }
  expect(await jobsOf('stages')).toHaveLength(1);
  expect(await api.queue.queues.get('stages')!.isPaused()).toBe(false);
  const page = await api.send('GET', '/queues/api/queues');
  for (const { readOnlyMode } of page.body.queues) expect(readOnlyMode).toBe(true);
});
