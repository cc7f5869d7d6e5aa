import { describe, expect, test } from '@jest/globals';
import { describeLogs } from './describe-logs.ts';
import { pauseOf } from './records.ts';

describeLogs((fixture) => {
  const { transact, untilWaiting, openTransaction } = fixture;

  describe('pauses', () => {
    test('are kept until they are deleted', async () => {
      await transact((tx) => tx.writePause(pauseOf('two')));
      await transact((tx) => tx.writePause(pauseOf('one')));
      expect(await fixture.log.readPauses()).toEqual([pauseOf('one'), pauseOf('two')]);
      await transact((tx) => tx.deletePause('one'));
      expect(await fixture.log.readPauses()).toEqual([pauseOf('two')]);
    });

    test('who locks them while somebody has them waits, and sees what he has left', async () => {
      const first = await openTransaction();
      expect(await first.tx.lockPauses()).toEqual([]);
      await first.tx.writePause(pauseOf('one'));
      const second = transact((tx) => tx.lockPauses());
      await untilWaiting();
      await first.commit();
      expect(await second).toEqual([pauseOf('one')]);
    });
  });

  describe('leases', () => {
    test('one holder at a time: he may renew it, others may have it once it has run out', async () => {
      const take = (holder: string, now: number) =>
        fixture.log.takeLease('recovery', holder, now, now + 1_000);
      expect(await take('one', 10_000)).toBe(true);
      expect(await take('two', 10_500)).toBe(false);
      expect(await take('one', 10_900)).toBe(true);
      expect(await take('two', 11_500)).toBe(false);
      expect(await take('two', 12_000)).toBe(true);
      expect(await take('one', 12_500)).toBe(false);
      expect(await fixture.log.takeLease('another', 'one', 12_500, 13_000)).toBe(true);
    });
  });

  test('a log has a name of its own, and keeps it', async () => {
    const incarnation = await fixture.log.incarnation();
    expect(incarnation).not.toBe('');
    expect(await fixture.log.incarnation()).toBe(incarnation);
  });
});
