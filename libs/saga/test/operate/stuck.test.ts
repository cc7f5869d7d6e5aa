import { describe, expect, test } from '@jest/globals';
import { useOperatedEngine } from './operate-fixture.ts';

const fixture = useOperatedEngine();
const { acceptCompensating } = fixture;

describe('stuck', () => {
  test('a batch that becomes stuck is one line with how many and some of them, said once', async () => {
    await acceptCompensating(...Array.from({ length: 12 }, (_, n) => `g${n}`));
    expect(fixture.warned).toHaveLength(1);
    expect(fixture.warned[0]).toMatchObject({
      details: {
        sagas: 12,
        some: [
          {
            saga: expect.any(Number),
            key: expect.any(String),
            name: expect.any(String),
            node: 'n2',
            attempt: expect.any(Number),
            error: expect.stringMatching(/./),
          },
          {},
          {},
          {},
          {},
        ],
      },
      message: expect.stringContaining('stuck'),
    });
  });

  test('causes are grouped, the commonest first', async () => {
    await acceptCompensating('a', 'b', 'c');
    const first = await fixture.log.groupStuck(10);
    expect(first).toEqual({
      sagas: 3,
      causes: [
        { name: 'create-thing', version: 1, step: 'n2', error: expect.any(String), sagas: 3 },
      ],
    });
  });
});
