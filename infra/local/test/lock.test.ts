import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startChild } from '@reliable-ops/local';
import { createTemporaryFolder } from '@reliable-ops/testkit';
import { startTimeOf } from '../src/processes/identity.ts';
import { takeStackLock, turnOf } from '../src/stack/lock.ts';
import { isRunning } from './run-stack.ts';

const lives = { command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] };

/** A supervisor's number, and a start time that is not that of the process which has it now. */
const dead = { pid: process.pid, startedAt: 'another time' };

async function leaveLock(folder: string, content: unknown): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'stack.lock'), JSON.stringify(content));
}

test('one who lives keeps the lock', async () => {
  await using home = await createTemporaryFolder('lock');
  const lock = await takeStackLock(home.path);
  await expect(takeStackLock(home.path)).rejects.toThrow(
    `a stack runs here already (process ${process.pid})`,
  );
  await lock.release();
  await (await takeStackLock(home.path)).release();
});

test('of ten who come at once to the lock of a dead one, one gets it', async () => {
  await using home = await createTemporaryFolder('lock');
  await leaveLock(home.path, { supervisor: dead, children: [] });
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => takeStackLock(home.path)),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('one who died while he took it over holds up nobody', async () => {
  await using home = await createTemporaryFolder('lock');
  const left = { supervisor: dead, children: [] };
  await leaveLock(home.path, left);
  const turn = turnOf(join(home.path, 'stack.lock'), left);
  await writeFile(turn, JSON.stringify({ ...left, supervisor: { ...dead, pid: 2 ** 22 } }));
  const lock = await takeStackLock(home.path);
  await lock.release();
  expect(await readdir(home.path)).toEqual([]);
});

test('what a dead supervisor has left running is ended', async () => {
  await using home = await createTemporaryFolder('lock');
  await using orphan = await startChild(lives);
  const child = { name: 'worker-1', pid: orphan.pid, startedAt: startTimeOf(orphan.pid) };
  await leaveLock(home.path, { supervisor: dead, children: [child] });
  const lock = await takeStackLock(home.path);
  expect(isRunning(orphan.pid)).toBe(false);
  expect(await orphan.exited).toEqual({ code: null, signal: 'SIGTERM' });
  await lock.release();
});

test('a process that has got the number of a dead one by now is left alone', async () => {
  await using home = await createTemporaryFolder('lock');
  await using innocent = await startChild(lives);
  const child = { name: 'worker-1', pid: innocent.pid, startedAt: 'another time' };
  await leaveLock(home.path, { supervisor: dead, children: [child] });
  const lock = await takeStackLock(home.path);
  expect(innocent.running).toBe(true);
  await lock.release();
});

test('half a lock is the lock of a dead one', async () => {
  await using home = await createTemporaryFolder('lock');
  await writeFile(join(home.path, 'stack.lock'), '{"supervisor":{"pid"');
  const lock = await takeStackLock(home.path);
  lock.recordChildren([{ name: 'me', pid: process.pid }]);
  expect(JSON.parse(readFileSync(join(home.path, 'stack.lock'), 'utf8'))).toMatchObject({
    children: [{ name: 'me', pid: process.pid, startedAt: startTimeOf(process.pid) }],
  });
  await lock.release();
});
