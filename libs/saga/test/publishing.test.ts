import { beforeEach, describe, expect, test } from '@jest/globals';
import { useEngine } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const fixture = useEngine({ definitions: [defineChange('create', ['n1'])] });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('while the queue is slow to take the jobs of a batch', () => {
  let releaseQueue = (): void => {};
  /** Requests in each transaction of accept. */
  let accepted: number[];

  beforeEach(() => {
    const held = new Promise<void>((resolve) => (releaseQueue = resolve));
    const add = fixture.queue.add.bind(fixture.queue);
    fixture.queue.add = async (entries) => {
      await held;
      await add(entries);
    };
    accepted = [];
    fixture.engine = fixture.startEngine({
      observer: {
        accepted: ({ requests }) => accepted.push(requests.length),
        committed: () => {},
        ended: () => {},
      },
    });
  });
  const accept = (id: string) => fixture.engine.accept(fixture.request([id]));

  test('its requests are answered, and those that come meanwhile go together', async () => {
    await accept('one');
    const others = [accept('two')];
    for (let n = 0; n < 3; n++) await turn();
    others.push(accept('three'));
    releaseQueue();
    await Promise.all(others);
    expect(accepted).toEqual([1, 2]);
  });

  test('a queue that hangs holds up nobody for long', async () => {
    await accept('one');
    await accept('two');
    expect(accepted).toEqual([1, 1]);
    releaseQueue();
  });
});
