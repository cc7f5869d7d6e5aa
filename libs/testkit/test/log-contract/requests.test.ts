import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { describeLogs } from './describe-logs.ts';

describeLogs((fixture) => {
  const { transact, untilWaiting, openTransaction } = fixture;

  describe('Idempotency-Keys', () => {
    const claimOf = (key: string, digest = 'd') => ({
      key,
      digest,
      batchId: randomUUID(),
      acceptedAt: 1_000,
    });
    const claim = (...claims: ReturnType<typeof claimOf>[]) =>
      transact((tx) => tx.claimRequests(claims));
    const standing = ({ batchId, digest }: ReturnType<typeof claimOf>) => ({ batchId, digest });

    test('belong to the first that claims them', async () => {
      const first = claimOf('x');
      const [again, other] = [claimOf('x', 'another'), claimOf('y')];
      expect(await claim(first)).toEqual(new Map([['x', standing(first)]]));
      const second = await claim(again, other);
      expect(second.get('x')).toEqual(standing(first));
      expect(second.get('y')).toEqual(standing(other));
    });

    test('who claims a key that is being claimed waits, and is told of the other', async () => {
      const [one, two] = [claimOf('x'), claimOf('x')];
      const first = await openTransaction();
      await first.tx.claimRequests([one]);
      const second = claim(two);
      await untilWaiting();
      await first.commit();
      expect((await second).get('x')).toEqual(standing(one));
    });

    test('are found once their request is committed, and not before', async () => {
      const one = claimOf('x');
      const first = await openTransaction();
      await first.tx.claimRequests([one]);
      expect(await fixture.log.findRequests(['x'])).toEqual(new Set());
      await first.commit();
      expect(await fixture.log.findRequests(['x', 'y', 'x'])).toEqual(new Set(['x']));
    });

    test('who claims a key whose claim is then rolled back has it', async () => {
      const [one, two] = [claimOf('x'), claimOf('x')];
      const first = await openTransaction();
      await first.tx.claimRequests([one]);
      const second = claim(two);
      await untilWaiting();
      await first.rollback();
      expect((await second).get('x')).toEqual(standing(two));
    });
  });
});
